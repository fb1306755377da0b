import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

/// From an owned, perhaps empty target to a session that can work.
struct Beginning {
    let migration: Migration
    let control: ThreadConfined<Connection>
    let tools: PostgresTools
    let run: RunEntry
    let epoch: Int
    let source: DatabaseCatalog
    let target: DatabaseIdentity
    let access: Definitions.Access

    /// Makes the target's tables, or takes those that are there, and enters the plan: in one transaction, or with
    /// thousands of tables in a few.
    ///
    /// - Parameters:
    ///   - plan: How each table is treated.
    ///   - tried: The source's definitions, where they were read a moment ago.
    /// - Returns: What was done to a target that was not empty, for people.
    /// - Throws: ``PlanError``, ``ToolError``, ``PostgresError``.
    func begin(_ plan: Plan, tried: Definitions?) async throws -> [String] {
        let adopting = migration.options.targetContents != .nothing
        migration.observer(.phase("definitions"))
        let sequences = Set(source.sequences.map(\.qualifiedName))
            .subtracting(source.sequences(excluding: plan.excluded).map(\.qualifiedName))
        let (room, made, standing) = try await control.run { connection in
            try (
                DefinitionPieces.room(on: connection), Ledger(connection).definitions(), StandingObjects(of: connection)
            )
        }
        let definitions: Definitions
        if let tried {
            definitions = tried
        } else {
            definitions = try await Definitions(
                of: access,
                tools: tools,
                scratch: migration.options.scratchDirectory,
                excluding: plan.excluded.union(sequences),
                purpose: "\(run.sessionPrefix) definitions",
                options: Definitions.Options(migration.options)
            )
        }
        let pieces = try await DefinitionPieces(
            of: definitions,
            room: adopting ? .max : room,
            made: adopting ? [] : made,
            beside: standing
        )
        let ofDatabase = adopting ? try await definitions.objectsOfDatabase() : []
        let present =
            adopting
            ? try await Definitions.entries(
                on: migration.target,
                tools: tools,
                migration.options,
                purpose: "\(run.sessionPrefix) definitions"
            ) : []
        return try await ThreadConfined.with(migration.target, purpose: "\(run.sessionPrefix) definitions") { target in
            try await target.run { [epoch, source, migration] connection in
                let ledger = Ledger(connection, epoch: epoch)
                if !adopting { try Self.make(pieces.first, ledger) }
                return try connection.transaction(.readWrite) {
                    try ledger.fence()
                    var notes: [String] = []
                    if adopting {
                        notes = try Adoption(
                            connection,
                            ledger: ledger,
                            source: source,
                            plan: plan,
                            contents: migration.options.targetContents,
                            keepsIndexes: migration.options.keepsIndexes
                        ).adopt(pieces.entries, present: present, ofDatabase: ofDatabase)
                        try ledger.analyze()
                        try RowFilter.refuseChanging(plan, on: connection, areEmpty: false)
                    } else {
                        try during("making the source's definitions on the target") {
                            try Self.make(pieces.last.script, connection)
                        }
                        try Self.compare(source, with: connection, plan)
                        try RowFilter.refuseChanging(plan, on: connection, areEmpty: true)
                        try ledger.enter(plan, source: source)
                        try PostponedChecks(of: source, excluding: plan.excluded).postpone(ledger)
                        try ledger.keep(pieces.last.entries)
                    }
                    try ledger.setStep(.defined)
                    try ledger.record(adopting ? "adopted" : "definitions")
                    return notes
                }
            }
        }
    }

    /// Reads what the ledger holds and follows what has changed on the source since.
    ///
    /// - Parameters:
    ///   - act: What the session is for.
    ///   - warnings: What the report is to tell.
    ///   - isFresh: Whether the definitions were made a moment ago.
    /// - Returns: The session.
    /// - Throws: ``PlanError``, ``PostgresError``.
    func session(for act: String, warnings: [String], isFresh: Bool) async throws -> Session {
        let before = try await begun(act, warnings)
        try refuseOtherTreatments(before.relations)
        guard !isFresh else { return before }
        async let kept: Void = before.ledger { [source] in try $0.keep(source, withLabels: false) }
        let now = try await before.dumpDefinitions()
        try await kept
        let followed = try await Following(
            migration: migration,
            run: before.run,
            epoch: epoch,
            source: source,
            target: target,
            relations: before.relations
        ).follow(now.definitions, now.entries)
        if followed.wasUnchanged, followed.notes.isEmpty { return before.following(now) }
        return try await begun(act, warnings + followed.notes.map { "followed a change on the source: \($0)" }, now)
    }

    private func begun(
        _ act: String,
        _ warnings: [String],
        _ followed: SourceDefinitions? = nil
    ) async throws -> Session {
        let (run, relations) = try await control.run { connection in
            guard let run = try Ledger.run(on: connection) else { throw LedgerError(.missing, "the ledger has gone") }
            return (run, try Ledger(connection).relations())
        }
        return Session(
            migration: migration,
            act: act,
            control: control,
            tools: tools,
            run: run,
            epoch: epoch,
            source: source,
            relations: relations,
            excluded: SettledTables(relations, in: source).excluded,
            warnings: warnings,
            followed: followed
        )
    }

    /// Makes definitions piece by piece, each together with the ledger's lines that say so.
    static func make(_ pieces: [DefinitionPieces.Piece], _ ledger: Ledger) throws {
        for piece in pieces {
            try ledger.connection.transaction(.readWrite) {
                try ledger.fence()
                try during("making the definitions on the target") { try make(piece.script, ledger.connection) }
                try ledger.keep(piece.entries)
            }
        }
    }

    /// Makes definitions, and says what would help where that fails.
    static func make(_ script: SQL, _ connection: Connection) throws {
        do {
            try connection.execute(definitions: script)
        } catch var error as PostgresError {
            switch error.sqlState {
            case "42501":
                error.hint =
                    "the target's role lacks a right the definitions need; for owners and GRANTs there are --no-owner and --no-privileges"
            case "42704" where error.message.contains("role"):
                error.hint = "create the role on the target, or use --no-owner and --no-privileges"
            case "42P01":
                error.hint =
                    "a view or function needs a table that is left out: bring the table as definition_only, or drop what needs it"
            case "3F000" where error.message.contains("\"public\""):
                error.hint = "run CREATE SCHEMA public on the target: pg_dump takes it for granted in every database"
            case "53200":
                error.hint =
                    "raise max_locks_per_transaction on the target: other sessions use most of its room for locks"
            default: break
            }
            throw error
        }
    }

    /// Binary rows say nothing about their types: the columns must be the same before the first row is sent.
    static func compare(_ source: DatabaseCatalog, with connection: Connection, _ plan: Plan) throws {
        let made = try Table.columnTypes(on: connection)
        let excluded = plan.excluded
        for table in source.tables where !excluded.contains(table.qualifiedName) {
            let columns = Dictionary(table.columns.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
            guard columns == made[table.qualifiedName] ?? [:] else {
                throw PlanError(
                    .refused,
                    "\(table.qualifiedName) has other columns in the definitions than in the catalog",
                    hint: "the source's schema was changed a moment ago; run the same command again"
                )
            }
        }
    }

    private func refuseOtherTreatments(_ relations: [RelationEntry]) throws {
        let begun = Dictionary(uniqueKeysWithValues: relations.map { ($0.name, $0.treatment) })
        for (name, asked) in migration.options.plan.treatments.sorted(by: { $0.key < $1.key }) {
            guard let treatment = begun[name], treatment != asked else { continue }
            // What is asked of a partitioned table is asked of its partitions, which have its rows.
            if treatment == .definitionOnly, asked.bringsRows, source.table(name)?.isPartitioned == true { continue }
            throw PlanError(
                .usage,
                "\(name) is treated as \(treatment.rawValue) since the run began, not as \(asked.rawValue)",
                hint: "treatments are fixed by the first precopy; begin again with an empty target to change them"
            )
        }
    }
}
