import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

/// Creates a target's definitions, or adopts those that exist, and records the plan in the ledger.
extension OwnedRun {
    /// Creates the tables on an empty target.
    ///
    /// It does so in one transaction, or in a few if there are thousands of tables.
    ///
    /// - Parameters:
    ///   - definitions: The source's definitions.
    ///   - plan: How each table is treated.
    ///   - subject: What the ledger's event names beside them.
    /// - Throws: ``PlanError``, ``ToolError``, ``PostgresError``.
    func define(_ definitions: Definitions, _ plan: Plan, subject: String? = nil) async throws {
        let (room, made, standing) = try await control.run { connection in
            try (
                DefinitionPieces.room(on: connection), Ledger(connection).definitions(), StandingObjects(of: connection)
            )
        }
        let pieces = try await DefinitionPieces(of: definitions, room: room, made: made, beside: standing)
        let whose: String
        if case .archive = context.origin {
            whose = "archive"
        } else {
            whose = "source"
            try Refusals.tablesCreatedMeanwhile(in: pieces.entries, since: source)
        }
        try await onTarget { [epoch, source] connection in
            let ledger = Ledger(connection, epoch: epoch)
            try Self.make(pieces.first, ledger)
            try connection.transaction(.readWrite) {
                try ledger.fence()
                try during("creating the \(whose)'s definitions on the target") {
                    try Self.make(pieces.last.script, connection)
                }
                try Self.compare(source, with: connection, plan)
                try RowFilter.refuseChanging(plan, on: connection, areEmpty: true)
                try ledger.enter(plan, source: source)
                try PostponedChecks(of: source, excluding: plan.excluded).postpone(ledger)
                try ledger.keep(pieces.last.entries)
                try ledger.setStep(.defined)
                try ledger.record("definitions", subject: subject)
            }
        }
    }

    /// Adopts the tables that exist on the target.
    ///
    /// - Parameters:
    ///   - definitions: The source's definitions.
    ///   - plan: How each table is treated.
    /// - Returns: Notes on what was done to them.
    /// - Throws: ``PlanError``, ``ToolError``, ``PostgresError``.
    func adopt(_ definitions: Definitions, _ plan: Plan) async throws -> [String] {
        let standing = try await control.run { try StandingObjects(of: $0) }
        let pieces = try await DefinitionPieces(of: definitions, room: .max, made: [], beside: standing)
        try Refusals.tablesCreatedMeanwhile(in: pieces.entries, since: source)
        let ofDatabase = try await definitions.objectsOfDatabase()
        let options = context.options
        let present = try await Definitions.entries(on: context.target, tools: tools, options, purpose: purpose)
        return try await onTarget { [epoch, source] connection in
            let ledger = Ledger(connection, epoch: epoch)
            return try connection.transaction(.readWrite) {
                try ledger.fence()
                try ledger.adoptRows()
                let notes = try Adoption(
                    connection,
                    ledger: ledger,
                    source: source,
                    plan: plan,
                    contents: options.targetContents,
                    keepsIndexes: options.keepsIndexes
                ).adopt(pieces.entries, present: present, ofDatabase: ofDatabase)
                try ledger.analyze()
                try RowFilter.refuseChanging(plan, on: connection, areEmpty: false)
                try ledger.setStep(.defined)
                try ledger.record("adopted")
                return notes
            }
        }
    }

    /// Takes the rows on the target now for this run's own, whoever wrote them.
    func adoptRows() async throws {
        try await control.run { [epoch] connection in
            let ledger = Ledger(connection, epoch: epoch)
            try connection.transaction(.readWrite) {
                try ledger.fence()
                try ledger.adoptRows()
                try ledger.record("adopted")
            }
        }
        context.note("rows that others have written on the target are taken for this run's own")
    }

    /// Creates definitions piece by piece, each in one transaction with its ledger entries.
    private static func make(_ pieces: [DefinitionPieces.Piece], _ ledger: Ledger) throws {
        for piece in pieces {
            try ledger.connection.transaction(.readWrite) {
                try ledger.fence()
                try during("creating the definitions on the target") { try make(piece.script, ledger.connection) }
                try ledger.keep(piece.entries)
            }
        }
    }

    /// Creates definitions; an error gets a hint that says what would help.
    private static func make(_ script: SQL, _ connection: Connection) throws {
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
                    "a view or function needs a table that is left out: treat the table as definition_only in tidemark.yaml instead of excluding it"
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
    private static func compare(_ source: DatabaseCatalog, with connection: Connection, _ plan: Plan) throws {
        let made = try Table.columnTypes(on: connection)
        let excluded = plan.excluded
        for table in source.tables where !excluded.contains(table.qualifiedName) {
            let columns = Dictionary(keepingFirst: table.columns.map { ($0.name, $0.type) })
            guard columns == made[table.qualifiedName] ?? [:] else {
                throw PlanError(
                    .refused,
                    "the columns of \(table.qualifiedName) differ between the dumped definitions and the catalog",
                    hint: "the source's schema was changed a moment ago; run the same command again"
                )
            }
        }
    }
}
