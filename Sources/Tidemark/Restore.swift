import Archive
import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Transfer
import Verification

/// Brings a target to a generation of an archive: through the same ledger as precopy and cutover, so that what was killed
/// goes on, and what was restored ahead needs the later generations only.
struct Restore {
    private let archive: DatabaseArchive
    /// Without a source: nothing reads one.
    private let migration: Migration
    private let until: Int?
    private let isAhead: Bool
    private let recorder: RunRecorder

    /// - Parameters:
    ///   - archive: The archive.
    ///   - target: The database being filled.
    ///   - until: The generation wanted; nil: the newest.
    ///   - isAhead: Whether later generations are to come: then rows, keys and indexes are brought and no foreign keys.
    init(_ archive: DatabaseArchive, _ target: Endpoint, until: Int?, isAhead: Bool) throws {
        self.archive = archive
        migration = Migration(
            source: try Endpoint("host=/nonexistent dbname=archive", side: .source),
            target: target,
            options: archive.options,
            stop: archive.stop,
            observer: archive.observer
        )
        self.until = until
        self.isAhead = isAhead
        recorder = RunRecorder(
            "restore",
            source: archive.path,
            target: target.description,
            observer: archive.observer
        )
    }

    /// What is to be restored.
    private struct Wanted {
        let generations: [ArchiveDirectory.Generation]
        let last: ArchiveDirectory.Generation
        let told: ArchivedCatalog

        var manifest: Manifest { last.manifest }

        /// Everything the ledger has to know of the generation.
        var plan: Plan {
            Plan(
                tables: manifest.tables.compactMap { table in
                    told.catalog.table(table.qualifiedName).map { TablePlan(table, $0) }
                },
                warnings: []
            )
        }
    }

    func run() async throws -> RunReport {
        try await recorder.recording {
            let wanted = try wanted()
            return try await ThreadConfined.with(migration.target, purpose: "tidemark control") { control in
                let (target, begun) = try await control.run { connection in
                    try (DatabaseIdentity(of: connection), Ledger.run(on: connection))
                }
                var migration = migration
                migration.options.omissions.formUnion(begun?.omissions ?? [])
                migration.options.omissions.formUnion(wanted.manifest.omissions)
                // What an archive does not hold cannot be missed.
                migration.options.omissions.insert(.largeObjects)
                try await refuseUnfit(wanted, target, control, migration, begun)
                let session = try await takeOver(wanted, target, control, migration)
                return try await restore(wanted, session)
            }
        }
    }

    // MARK: Before anything is written

    private func wanted() throws -> Wanted {
        let directory = try ArchiveDirectory.open(archive.path)
        let generations = try directory.generations(upTo: until)
        guard let last = generations.last else {
            throw ArchiveError(
                .refused,
                archive.path,
                "has no generation yet: its first dump was not finished",
                hint: "run again: tidemark dump"
            )
        }
        return Wanted(generations: generations, last: last, told: try ArchivedCatalog(of: last))
    }

    private func refuseUnfit(
        _ wanted: Wanted,
        _ target: DatabaseIdentity,
        _ control: ThreadConfined<Connection>,
        _ migration: Migration,
        _ begun: RunEntry?
    ) async throws {
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

    private func takeOver(
        _ wanted: Wanted,
        _ target: DatabaseIdentity,
        _ control: ThreadConfined<Connection>,
        _ migration: Migration
    ) async throws -> Session {
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
        try await define(wanted, source, migration, tools, run, epoch)
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
        _ wanted: Wanted,
        _ source: DatabaseCatalog,
        _ migration: Migration,
        _ tools: PostgresTools,
        _ run: RunEntry,
        _ epoch: Int
    ) async throws {
        let (entries, script) = try await definitions(of: wanted, tools, migration) { definitions in
            (try await definitions.preDataEntries(), try await definitions.preData())
        }
        let plan = wanted.plan
        try await ThreadConfined.with(migration.target, purpose: "\(run.sessionPrefix) definitions") { target in
            try await target.run { connection in
                try connection.transaction(.readWrite) {
                    let ledger = Ledger(connection, epoch: epoch)
                    try ledger.fence()
                    guard run.step == .begun else {
                        return try Self.refuseOther(entries, plan, ledger)
                    }
                    try during("making the archive's definitions on the target") {
                        try Beginning.make(script, connection)
                    }
                    try Beginning.compare(source, with: connection, plan)
                    try ledger.enter(plan, source: source)
                    try ledger.keep(entries)
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

    private func definitions<Result: Sendable>(
        of wanted: Wanted,
        _ tools: PostgresTools,
        _ migration: Migration,
        _ body: (Definitions) async throws -> Result
    ) async throws -> Result {
        try await Definitions.with(
            tools: tools,
            scratch: migration.options.scratchDirectory,
            options: Definitions.Options(migration.options),
            copy: { try wanted.last.copyDefinitions(to: $0) },
            body
        )
    }

    // MARK: Restoring

    private func restore(_ wanted: Wanted, _ session: Session) async throws -> RunReport {
        var warnings: [String] = []
        if !wanted.manifest.isConsistent, !isAhead {
            warnings.append(
                "generation \(wanted.manifest.generation) was not read in one snapshot (dump --consistent): if the source was written meanwhile, foreign keys may not hold"
            )
        }
        do {
            try refuseTooLate(wanted, session)
            if session.run.step < .keysBuilt {
                try await bringRows(wanted, session)
            }
            let verification = isAhead ? nil : try await complete(wanted, session)
            await recorder.collect(from: session)
            guard let verification else { return recorder.finish(.done, warnings: warnings) }
            if verification.verdict == .proven { try await session.ledger { try $0.setStep(.done) } }
            recorder.update { $0.verification = verification }
            return recorder.finish(RunReport.Outcome(verification.verdict), warnings: warnings)
        } catch is Stopped {
            await recorder.collect(from: session)
            return recorder.finish(.stopped, warnings: warnings)
        } catch {
            await recorder.collect(from: session)
            throw error
        }
    }

    private func refuseTooLate(_ wanted: Wanted, _ session: Session) throws {
        let standing = session.run.pass - 1
        guard session.run.step >= .keysBuilt else {
            guard standing <= wanted.manifest.generation else {
                throw LedgerError(
                    .tooLate,
                    "the target stands at generation \(standing), later than \(wanted.manifest.generation)",
                    hint: "an earlier generation takes an empty database"
                )
            }
            return
        }
        guard standing == wanted.manifest.generation, !isAhead else {
            throw LedgerError(
                .tooLate,
                "generation \(standing) was completed on the target: its foreign keys are built, no rows can be brought any more",
                hint: "another generation takes an empty database"
            )
        }
    }

    private func bringRows(_ wanted: Wanted, _ session: Session) async throws {
        let context = RestoreContext(wanted.generations, relations: session.relations, epoch: session.epoch)
        let chunks = try await session.control.run { try Ledger($0).chunks() }
        try await session.ledger { ledger in
            try ledger.enter(
                RebuildPlan(source: session.source, excluding: session.excluded).objects(keys: session.keys)
            )
        }
        try await recorder.phase("rows") {
            try await recorder.showing(chunks: chunks.count { $0.pass <= wanted.manifest.generation }) {
                try await onConnections(session) { connection, progress, stop in
                    try RestoreWorker(connection, context, progress: progress, stop: stop).restoreBases()
                }
            }
        }
        let oldest = try await session.control.run { try Ledger($0).chunks().map(\.pass).min() ?? 0 }
        if context.hasKeepLists(after: oldest - 1) {
            // Without it each chunk's rows are looked for in all of the table.
            try await recorder.phase("keys") {
                let built = try await BuilderPool(session).build([.key])
                recorder.update { $0.transfer.objects += built }
            }
        }
        try await recorder.phase("deltas") {
            try await onConnections(session) { connection, progress, stop in
                try RestoreWorker(connection, context, progress: progress, stop: stop).restoreDeltas()
            }
            let settled = session.relations.filter { $0.hasOtherUniqueKeys && $0.treatment.isCopiedAhead }
            for relation in settled {
                try await onConnections(session, count: 1) { connection, progress, stop in
                    try RestoreWorker(connection, context, progress: progress, stop: stop)
                        .restoreSettled(relation.relationId)
                }
            }
        }
        let generation = wanted.manifest.generation
        try await session.ledger { ledger in
            try ledger.reach(generation: generation)
            if session.run.step < .precopied { try ledger.setStep(.precopied) }
            try ledger.record("generation \(generation)")
        }
        guard isAhead else { return }
        try await recorder.phase("keys and indexes") {
            let built = try await BuilderPool(session).build([.key, .index])
            recorder.update { $0.transfer.objects += built }
        }
        try await recorder.phase("analyze") {
            try await BuilderPool(session).run(
                session.deltaRelations.map { .init(name: "ANALYZE \($0.name)", sql: "ANALYZE \($0.name)") }
            )
        }
    }

    private func onConnections(
        _ session: Session,
        count: Int? = nil,
        _ body: @escaping @Sendable (Connection, TransferProgress, StopRequest) throws -> Void
    ) async throws {
        let (progress, stop) = (recorder.progress, migration.stop)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...max(1, count ?? migration.options.jobs) {
                group.addTask { [target = migration.target, purpose = session.purpose("rows \(number)")] in
                    try await ThreadConfined.with(target, purpose: purpose) { target in
                        try await target.run { try body($0, progress, stop) }
                    }
                }
            }
            try await group.waitForAll()
        }
        try stop.check()
    }

    private func complete(_ wanted: Wanted, _ session: Session) async throws -> VerificationResult {
        let completion = Completion(session: session, recorder: recorder)
        let sequences = session.sequences
        let positions = Dictionary(
            wanted.manifest.sequences.map { ($0.qualifiedName, $0.position) },
            uniquingKeysWith: { first, _ in first }
        )
        if session.run.step < .keysBuilt {
            try await recorder.phase("sequences") {
                try await ThreadConfined.with(migration.target, purpose: session.purpose("sequences")) { target in
                    try await target.run { try SequenceSetter($0).set(sequences, to: positions) }
                }
            }
            try await session.ledger { try $0.setStep(.dataComplete) }
            try await completion.buildKeys()
        }
        if session.run.step < .postData {
            let postData = try await definitions(of: wanted, session.tools, session.migration) { definitions in
                try await completion.postData(of: definitions)
            }
            try await completion.finishDefinitions(postData)
        }
        try await completion.refreshAndAnalyze()
        return try await ArchiveVerify(
            migration: session.migration,
            recorder: recorder,
            generation: wanted.last,
            told: wanted.told,
            omissions: session.omissions,
            purpose: session.purpose("verify"),
            triesInserts: true
        ).run()
    }
}

extension TablePlan {
    /// How a generation holds a table.
    fileprivate init(_ table: ArchivedTable, _ definition: Table) {
        self.init(
            name: table.qualifiedName,
            isPartitioned: definition.isPartitioned,
            treatment: table.treatment,
            reason: "as archived",
            key: table.key,
            format: .text,
            estimatedRows: definition.estimatedRows,
            tableBytes: table.tableBytes,
            hasOtherUniqueKeys: table.hasOtherUniqueKeys,
            ranges: table.chunks.map(\.range),
            filter: table.rowFilter,
            immutableRanges: table.chunks.prefix(while: \.isImmutable).count,
            wantedChunks: table.chunks.count
        )
    }
}
