import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

/// The steps from a target, empty or not, to a session that can work.
struct Beginning {
    let migration: Migration
    let control: ThreadConfined<Connection>
    let tools: PostgresTools
    let run: RunEntry
    let epoch: Int
    let source: DatabaseCatalog
    let target: DatabaseIdentity
    let access: Definitions.Access

    /// Creates the target's tables, or adopts the existing ones, and records the plan in the ledger.
    ///
    /// It does so in one transaction, or in a few if there are thousands of tables.
    ///
    /// - Parameters:
    ///   - plan: How each table is treated.
    ///   - tried: The source's definitions, if they were read a moment ago.
    /// - Returns: Notes on what was done to a target that was not empty.
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
                        try during("creating the source's definitions on the target") {
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

    /// Reads the ledger and follows what has changed on the source since.
    ///
    /// - Parameters:
    ///   - act: The command the session is for.
    ///   - warnings: Warnings for the report.
    ///   - isFresh: Whether the definitions were created a moment ago.
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
            guard let run = try Ledger.run(on: connection) else {
                throw LedgerError(.missing, "the ledger was dropped")
            }
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

    /// Creates definitions piece by piece, each in one transaction with its ledger entries.
    static func make(_ pieces: [DefinitionPieces.Piece], _ ledger: Ledger) throws {
        for piece in pieces {
            try ledger.connection.transaction(.readWrite) {
                try ledger.fence()
                try during("creating the definitions on the target") { try make(piece.script, ledger.connection) }
                try ledger.keep(piece.entries)
            }
        }
    }

    /// Creates definitions; an error gets a hint that says what would help.
    static func make(_ script: SQL, _ connection: Connection) throws {
        do {
            try connection.execute(definitions: script)
        } catch var error as PostgresError {
            switch error.sqlState {
            case "42501":
                error.hint =
                    "the target's role lacks a right the definitions need; --no-owner and --no-privileges leave out owners and GRANTs"
            case "42704" where error.message.contains("role"):
                error.hint = "create the role on the target, or use --no-owner and --no-privileges"
            case "42P01":
                error.hint =
                    "a view or function needs a table that is left out: treat the table as definition_only, or drop the view or function on the source"
            case "3F000" where error.message.contains("\"public\""):
                error.hint = "run CREATE SCHEMA public on the target: pg_dump assumes that every database has it"
            case "53200":
                error.hint =
                    "raise max_locks_per_transaction on the target: other sessions use most of its lock table"
            default: break
            }
            throw error
        }
    }

    /// Checks that the created columns match the source's catalog.
    ///
    /// Binary rows do not carry their types, so the columns must match before the first row is sent.
    static func compare(_ source: DatabaseCatalog, with connection: Connection, _ plan: Plan) throws {
        let made = try Table.columnTypes(on: connection)
        let excluded = plan.excluded
        for table in source.tables where !excluded.contains(table.qualifiedName) {
            let columns = Dictionary(table.columns.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
            guard columns == made[table.qualifiedName] ?? [:] else {
                throw PlanError(
                    .refused,
                    "the columns of \(table.qualifiedName) differ between the dumped definitions and the catalog",
                    hint: "the source's schema was changed a moment ago; run the same command again"
                )
            }
        }
    }

    private func refuseOtherTreatments(_ relations: [RelationEntry]) throws {
        let begun = Dictionary(uniqueKeysWithValues: relations.map { ($0.name, $0.treatment) })
        for (name, asked) in migration.options.plan.treatments.sorted(by: { $0.key < $1.key }) {
            guard let treatment = begun[name], treatment != asked else { continue }
            // A treatment given for a partitioned table applies to its partitions, which hold its rows.
            if treatment == .definitionOnly, asked.bringsRows, source.table(name)?.isPartitioned == true { continue }
            throw PlanError(
                .usage,
                "\(name) has been treated as \(treatment.rawValue) since the run began, not as \(asked.rawValue)",
                hint: "the first precopy fixes the treatments; to change them, start over with an empty target"
            )
        }
    }
}
