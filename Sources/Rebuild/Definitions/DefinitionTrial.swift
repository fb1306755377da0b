package import Catalog
package import Postgres

/// Creates definitions on the target and rolls them back at once, to find out days ahead what its server refuses.
///
/// `pg_dump` defines what has to be created; only the server can say whether it can be.
package struct DefinitionTrial {
    /// A definition the server refused.
    package struct Refusal: Sendable {
        package let entry: DefinitionEntry
        package let error: PostgresError
    }

    /// The server's answers.
    package struct Outcome: Sendable {
        package fileprivate(set) var refusals: [Refusal] = []
        /// Entries that were not tried, or were refused because of an earlier refusal.
        package fileprivate(set) var undecided: [DefinitionEntry] = []

        /// An outcome without refusals.
        package init() {}
    }

    /// SQLSTATEs for a missing object, which was often refused before.
    private static let absences: Set = ["42P01", "42704", "42883", "42703", "3F000", "42P17"]
    private static let savepoint: SQL = "tidemark_trial"
    /// How many definitions are tried in one round trip.
    private static let mostTogether = 100

    private let connection: Connection
    private let settings: [SQL]
    private let isEarly: (PostgresError) -> Bool

    /// - Parameters:
    ///   - connection: A connection to the target, without an open transaction.
    ///   - settings: Statements for the database's own settings.
    ///   - isEarly: Whether an error proves nothing yet, because keys or tables are still to come.
    package init(
        _ connection: Connection,
        settings: [SQL] = [],
        ignoring isEarly: @escaping (PostgresError) -> Bool = { _ in false }
    ) {
        self.connection = connection
        self.settings = settings
        self.isEarly = isEarly
    }

    /// Creates entries one after the other, and rolls all of them back.
    ///
    /// - Parameters:
    ///   - entries: What to create, in order.
    ///   - room: The number of locks the transaction may take; entries beyond it are not tried.
    ///   - views: Materialized views to fill, in order.
    ///   - patience: Milliseconds after which filling a view is stopped and counts as possible.
    ///   - inspect: Examines what was created before it is rolled back.
    /// - Returns: What was refused.
    /// - Throws: ``PostgresError`` if the connection is lost.
    package func run(
        of entries: [DefinitionEntry],
        room: Int,
        refreshing views: [QualifiedName],
        patience: Int,
        _ inspect: (Connection) throws -> Void = { _ in }
    ) throws -> Outcome {
        var outcome = Outcome()
        var left = room
        try connection.execute(Connection.TransactionMode.readWrite.begin)
        defer { _ = try? connection.execute("ROLLBACK") }
        func attempt(_ entry: DefinitionEntry, _ script: SQL) throws {
            try attempt([(entry, script)])
        }
        /// Tries some entries at once; if one of them is refused, each half by itself.
        func attempt(_ scripts: [(entry: DefinitionEntry, script: SQL)]) throws {
            guard let (entry, _) = scripts.first else { return }
            guard let error = try refusal(of: scripts.map(\.script).joined(separator: "\n;\n")) else { return }
            guard scripts.count == 1 else {
                try attempt(Array(scripts[..<(scripts.count / 2)]))
                return try attempt(Array(scripts[(scripts.count / 2)...]))
            }
            let state = error.sqlState ?? ""
            let hasFailed = !outcome.refusals.isEmpty || !outcome.undecided.isEmpty
            if isEarly(error) || hasFailed && Self.absences.contains(state) {
                outcome.undecided.append(entry)
            } else {
                outcome.refusals.append(Refusal(entry: entry, error: error))
            }
        }
        var together: [(entry: DefinitionEntry, script: SQL)] = []
        for entry in entries {
            left -= Self.locks(of: entry)
            guard left > 0 else {
                outcome.undecided.append(entry)
                continue
            }
            let script = SQL(trusted: entry.statement)
            together.append(
                (entry, entry.isOfRights ? GrantorScript.byRoles(script, as: connection.endpoint.role) : script)
            )
            // What an extension's script sets must not stay set for the next entry.
            if together.count == Self.mostTogether || entry.kind == "EXTENSION" {
                try attempt(together)
                together = []
            }
        }
        try attempt(together)
        for statement in settings {
            let entry = DefinitionEntry(
                kind: "DATABASE SETTING",
                schema: "-",
                name: statement.text,
                statement: statement.text
            )
            try attempt(entry, statement)
        }
        if patience > 0 { try connection.execute("SET LOCAL statement_timeout = \(patience)") }
        for view in views {
            let refresh: SQL = "REFRESH MATERIALIZED VIEW \(view)"
            let entry = DefinitionEntry(
                kind: "MATERIALIZED VIEW DATA",
                schema: view.schema,
                name: view.name,
                statement: refresh.text
            )
            guard left > 0, try connection.isThere(view) else { continue }
            try attempt(entry, refresh)
        }
        try connection.execute("SET LOCAL statement_timeout = 0")
        try inspect(connection)
        return outcome
    }

    /// Returns the server's error for a statement; nil if it succeeds.
    private func refusal(of statement: SQL) throws -> PostgresError? {
        do {
            try connection.execute(
                definitions: "SAVEPOINT \(Self.savepoint);\n\(statement)\n;\nRELEASE SAVEPOINT \(Self.savepoint)"
            )
            return nil
        } catch let error as PostgresError where error.sqlState != nil && !connection.isBroken {
            try connection.execute("ROLLBACK TO SAVEPOINT \(Self.savepoint); RELEASE SAVEPOINT \(Self.savepoint)")
            // 57014: it ran into the statement timeout and counts as possible.
            return error.sqlState == "57014" ? nil : error
        }
    }

    /// The number of locks an entry takes, as ``DefinitionPieces`` counts them.
    static func locks(of entry: DefinitionEntry) -> Int { entry.kind == "TABLE" ? 4 : 1 }
}

extension DefinitionEntry {
    /// Creates an entry for what is done after all definitions are created.
    fileprivate init(kind: String, schema: ServerText, name: ServerText, statement: ServerText) {
        self.init(
            identity: ServerText(kind) + " " + name,
            kind: kind,
            schema: schema,
            name: name,
            statement: statement,
            line: ""
        )
    }
}
