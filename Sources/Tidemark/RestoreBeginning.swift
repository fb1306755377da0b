import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Verification

/// From an empty target, or one that stands at an earlier generation, to a session that can restore.
struct RestoreBeginning {
    let migration: Migration
    let control: ThreadConfined<Connection>
    let wanted: WantedGeneration

    /// Refuses what can be refused, takes the target over and makes the definitions where that has not happened yet.
    ///
    /// - Parameters:
    ///   - target: The target.
    ///   - begun: The run that has begun on it, if one has.
    /// - Returns: The session.
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
                "the archive is of PostgreSQL \(source.serverVersion), newer than the target's \(target.serverVersion)",
                hint: "PostgreSQL's definitions only move to the same or a newer major version"
            )
        }
        guard (begun?.step ?? .begun) < .keysBuilt else { return }
        let there = try await control.run { try (DatabaseCatalog(of: $0), Provisions(of: $0)) }
        let findings = Inspection(
            source: wanted.told.catalog,
            requirements: wanted.told.requirements,
            target: there.0,
            provisions: there.1,
            omissions: migration.options.omissions
        ).findings
        try Preparation.refuse(findings.filter { $0.severity == .stops })
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
            try taken.ledger.keep(source)
            return taken.ledger.epoch
        }
        let run = try await control.run { try Ledger.run(on: $0) }
        guard let run else { throw LedgerError(.missing, "the ledger has gone") }
        try await define(source, tools, run, epoch)
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
            warnings: [],
            followedDefinitions: nil
        )
    }

    /// Makes the generation's definitions on an empty target; on another one they must be what made it.
    private func define(
        _ source: DatabaseCatalog,
        _ tools: PostgresTools,
        _ run: RunEntry,
        _ epoch: Int
    ) async throws {
        let (room, made) = try await ThreadConfined.with(
            migration.target,
            purpose: "\(run.sessionPrefix) definitions"
        ) { target in
            try await target.run { connection -> (Int, [DefinitionEntry]) in
                guard run.step == .begun else { return (.max, []) }
                return (try DefinitionPieces.room(on: connection), try Ledger(connection).definitions())
            }
        }
        let pieces = try await wanted.definitions(tools, migration) { definitions in
            try await DefinitionPieces(of: definitions, room: room, made: made)
        }
        let plan = wanted.plan
        try await ThreadConfined.with(migration.target, purpose: "\(run.sessionPrefix) definitions") { target in
            try await target.run { connection in
                let ledger = Ledger(connection, epoch: epoch)
                if run.step == .begun { try Beginning.make(pieces.first, ledger) }
                try connection.transaction(.readWrite) {
                    try ledger.fence()
                    guard run.step == .begun else {
                        return try Self.refuseOther(pieces.entries, plan, ledger)
                    }
                    try during("making the archive's definitions on the target") {
                        try Beginning.make(pieces.last.script, connection)
                    }
                    try Beginning.compare(source, with: connection, plan)
                    try ledger.enter(plan, source: source)
                    try ledger.keep(pieces.last.entries)
                    try ledger.setStep(.defined)
                    try ledger.record("definitions", subject: "generation \(wanted.manifest.generation)")
                }
            }
        }
    }

    private static func refuseOther(
        _ entries: [DefinitionEntry],
        _ plan: Plan,
        _ ledger: Ledger
    ) throws {
        let changes = DefinitionChanges(earlier: try ledger.definitions(), later: entries).result().findings
        guard changes.isEmpty else {
            throw PlanError(
                .refused,
                "the definitions of this generation are not those the target was made by:\n    "
                    + changes.prefix(10).map { "\($0.object): \($0.message)" }.joined(separator: "\n    "),
                hint: "restore this generation into an empty database; nothing was written"
            )
        }
        let there = Dictionary(
            try ledger.plan().tables.map { ($0.name, $0.ranges) },
            uniquingKeysWith: { first, _ in first }
        )
        let moved = plan.tables.filter { there[$0.name] != $0.ranges }
        guard moved.isEmpty else {
            throw PlanError(
                .refused,
                "chunks of \(moved.prefix(10).map(\.name.description).joined(separator: ", ")) were cut anew since the generation the target stands at",
                hint: "restore this generation into an empty database; nothing was written"
            )
        }
    }
}
