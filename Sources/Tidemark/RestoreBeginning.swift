import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Verification

/// The steps from a target, empty or at an earlier generation, to a session that can restore.
struct RestoreBeginning {
    let migration: Migration
    let control: ThreadConfined<Connection>
    let wanted: WantedGeneration

    /// Checks everything that can be refused, takes over the target, and creates the definitions if necessary.
    ///
    /// - Parameters:
    ///   - target: The identity of the target database.
    ///   - begun: The run that has begun on it, if any.
    /// - Returns: A session that can restore.
    /// - Throws: ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``, ``ArchiveError``.
    func session(_ target: DatabaseIdentity, _ begun: RunEntry?) async throws -> Session {
        try await refuseUnfit(target, begun)
        return try await takeOver(target)
    }

    private func refuseUnfit(_ target: DatabaseIdentity, _ begun: RunEntry?) async throws {
        try await control.run { try Preparation.refuseUnfit(target, $0) }
        let source = wanted.manifest.source
        guard target.serverVersion.major >= source.serverVersion.major else {
            throw PlanError(
                .refused,
                "the archive is from PostgreSQL \(source.serverVersion), newer than the target's \(target.serverVersion)",
                hint: "definitions can only move to the same or a newer major version of PostgreSQL"
            )
        }
        guard (begun?.step ?? .begun) < .keysBuilt else { return }
        let there = try await control.run { try (DatabaseCatalog(of: $0), Provisions(of: $0)) }
        let rules = Inspection(
            source: wanted.told.catalog,
            requirements: wanted.told.requirements,
            target: there.0,
            provisions: there.1,
            omissions: migration.options.omissions
        ).findings
        let trial = begun == nil && there.0.tables.isEmpty ? try await trial(there.0) : nil
        let findings = TriedRules(rules: rules, trial: trial?.trial ?? .init()).findings + (trial?.findings ?? [])
        try Preparation.refuse((trial == nil && begun == nil ? rules : findings).filter { $0.severity == .stops })
    }

    /// Tries the archive's definitions on a target that has none of them.
    private func trial(_ target: DatabaseCatalog) async throws -> FreshTrial.Outcome {
        let tools = try await PostgresTools.find(
            major: target.identity.serverVersion.major,
            in: migration.options.toolDirectory
        )
        return try await FreshTrial(
            migration: migration,
            tools: tools,
            source: wanted.told.catalog,
            target: target,
            excluded: wanted.plan(for: target.identity).excluded
        ).attempt(wanted.definitions(tools, migration))
    }

    private func takeOver(_ target: DatabaseIdentity) async throws -> Session {
        let tools = try await PostgresTools.find(
            major: target.serverVersion.major,
            in: migration.options.toolDirectory
        )
        let manifest = wanted.manifest
        let omissions = migration.options.omissions
        let source = omissions.contains(.tablespaces) ? wanted.told.catalog.withoutTablespaces : wanted.told.catalog
        let epoch = try await control.run { connection in
            let taken = try Ledger.takeOver(
                connection,
                source: manifest.source,
                toolVersion: Versions.tidemark,
                archive: manifest.archive,
                mayCreate: true
            )
            try taken.ledger.leaveOut(omissions)
            try taken.ledger.keep(source, withLabels: taken.run.step == .begun)
            return taken.ledger.epoch
        }
        let run = try await control.run { try Ledger.run(on: $0) }
        guard let run else { throw LedgerError(.missing, "the ledger was dropped") }
        migration.target.watch?.name = run.sessionPrefix
        var notes: [String] = []
        if run.step == .begun {
            try await define(source, target, tools, run, epoch)
        } else {
            notes = try await follow(source, target, tools, run, epoch)
        }
        let (now, relations) = try await control.run { connection in
            (try Ledger.run(on: connection) ?? run, try Ledger(connection).relations())
        }
        return Session(
            migration: migration,
            act: "restore",
            control: control,
            tools: tools,
            run: now,
            epoch: epoch,
            source: source,
            relations: relations,
            excluded: Set(relations.filter { $0.treatment == .excluded }.map(\.name)),
            warnings: notes,
            followed: nil
        )
    }

    /// Creates the generation's definitions on an empty target.
    private func define(
        _ source: DatabaseCatalog,
        _ target: DatabaseIdentity,
        _ tools: PostgresTools,
        _ run: RunEntry,
        _ epoch: Int
    ) async throws {
        let (room, made, standing) = try await ThreadConfined.with(
            migration.target,
            purpose: "\(run.sessionPrefix) definitions"
        ) { database in
            try await database.run { connection in
                try (
                    DefinitionPieces.room(on: connection), Ledger(connection).definitions(),
                    StandingObjects(of: connection)
                )
            }
        }
        let pieces = try await DefinitionPieces(
            of: wanted.definitions(tools, migration),
            room: room,
            made: made,
            beside: standing
        )
        let plan = wanted.plan(for: target)
        try await ThreadConfined.with(migration.target, purpose: "\(run.sessionPrefix) definitions") { database in
            try await database.run { connection in
                let ledger = Ledger(connection, epoch: epoch)
                try Beginning.make(pieces.first, ledger)
                try connection.transaction(.readWrite) {
                    try ledger.fence()
                    try during("creating the archive's definitions on the target") {
                        try Beginning.make(pieces.last.script, connection)
                    }
                    try Beginning.compare(source, with: connection, plan)
                    try ledger.enter(plan, source: source)
                    try PostponedChecks(of: source, excluding: plan.excluded).postpone(ledger)
                    try ledger.keep(pieces.last.entries)
                    try ledger.setStep(.defined)
                    try ledger.record("definitions", subject: "generation \(wanted.manifest.generation)")
                }
            }
        }
    }

    /// Changes the definitions of a target at an earlier generation to those of this one, before its rows are restored.
    private func follow(
        _ source: DatabaseCatalog,
        _ target: DatabaseIdentity,
        _ tools: PostgresTools,
        _ run: RunEntry,
        _ epoch: Int
    ) async throws -> [String] {
        let (relations, there) = try await control.run { connection in
            let ledger = Ledger(connection)
            return (try ledger.relations(), try ledger.plan())
        }
        let copiedAgain = wanted.copiedAgain(
            ranges: Dictionary(there.tables.map { ($0.name, $0.ranges) }, uniquingKeysWith: { first, _ in first }),
            relations
        )
        let definitions = try wanted.definitions(tools, migration)
        let entries = try await definitions.preDataEntries()
        let followed = try await Following(
            migration: migration,
            run: run,
            epoch: epoch,
            source: source,
            target: target,
            relations: relations,
            origin: .archive(wanted.plan(for: target), copiedAgain: copiedAgain)
        ).follow(definitions, entries)
        let left = try await control.run { try Ledger($0).definitions() }
        let changes = DefinitionChanges(earlier: left, later: entries).result().findings
        return followed.notes.map { "followed a change in the archive: \($0)" }
            + changes.map { "the target does not have this change of definition: \($0.object)" }
    }
}

extension WantedGeneration {
    /// Returns the tables whose chunks on the target do not match the generation, because all of their rows were dumped
    /// again.
    fileprivate func copiedAgain(
        ranges: [QualifiedName: [KeyRange]],
        _ relations: [RelationEntry]
    ) -> [UInt32: String] {
        let known = Dictionary(relations.map { ($0.definition.oid, $0) }, uniquingKeysWith: { first, _ in first })
        var reasons: [UInt32: String] = [:]
        for table in manifest.tables where !table.chunks.isEmpty {
            guard let relation = known[table.oid] else { continue }
            if ranges[relation.name] ?? [] != table.chunks.map(\.range) {
                reasons[table.oid] = "its chunks were cut again"
            } else if !relation.definition.meansTheSame(under: table) {
                reasons[table.oid] = "all of it was dumped again"
            }
        }
        return reasons
    }
}
