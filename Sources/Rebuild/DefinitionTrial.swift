package import Catalog
package import Postgres

/// Definitions that are made on the target and taken back at once, to hear days ahead what its server refuses.
///
/// What `pg_dump` wrote is the truth about what must arrive; whether it can is the server's to say.
package struct DefinitionTrial {
    /// A definition the server refused.
    package struct Refusal: Sendable {
        package let entry: DefinitionEntry
        package let error: PostgresError
    }

    /// What the server said.
    package struct Outcome: Sendable {
        package fileprivate(set) var refusals: [Refusal] = []
        /// What was not tried, or refused because something else had been.
        package fileprivate(set) var undecided: [DefinitionEntry] = []

        /// Nothing was refused.
        package init() {}
    }

    /// Something is not there, which is often because it was refused before.
    private static let absences: Set = ["42P01", "42704", "42883", "42703", "3F000", "42P17"]
    private static let savepoint: SQL = "tidemark_trial"

    private let connection: Connection
    private let settings: [SQL]
    private let isEarly: (PostgresError) -> Bool

    /// - Parameters:
    ///   - connection: The target, without an open transaction.
    ///   - settings: What the database is to carry itself.
    ///   - isEarly: Whether an error says nothing yet, because keys or tables are still to come.
    package init(
        _ connection: Connection,
        settings: [SQL] = [],
        ignoring isEarly: @escaping (PostgresError) -> Bool = { _ in false }
    ) {
        self.connection = connection
        self.settings = settings
        self.isEarly = isEarly
    }

    /// Makes entries one after the other, and takes all of them back.
    ///
    /// - Parameters:
    ///   - entries: What is made, in order.
    ///   - room: How many locks the transaction may take; what needs more is not tried.
    ///   - views: Materialized views to fill, in order.
    ///   - patience: After which filling one counts as possible, in milliseconds.
    ///   - inspect: Looks at what was made, before it is taken back.
    /// - Returns: What was refused.
    /// - Throws: ``PostgresError`` where the connection is lost.
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
            if let error = try refusal(of: script) {
                let state = error.sqlState ?? ""
                let hasFailed = !outcome.refusals.isEmpty || !outcome.undecided.isEmpty
                if isEarly(error) || hasFailed && Self.absences.contains(state) {
                    outcome.undecided.append(entry)
                } else {
                    outcome.refusals.append(Refusal(entry: entry, error: error))
                }
            }
        }
        for entry in entries {
            left -= Self.locks(of: entry)
            guard left > 0 else {
                outcome.undecided.append(entry)
                continue
            }
            let script = SQL(trusted: entry.statement)
            let statement = entry.isOfRights ? GrantorScript.byRoles(script, as: connection.endpoint.role) : script
            try attempt(entry, statement)
        }
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

    /// What the server says against a statement; nil: nothing.
    private func refusal(of statement: SQL) throws -> PostgresError? {
        try connection.execute("SAVEPOINT \(Self.savepoint)")
        do {
            try connection.execute(definitions: statement)
            try connection.execute("RELEASE SAVEPOINT \(Self.savepoint)")
            return nil
        } catch let error as PostgresError where error.sqlState != nil && !connection.isBroken {
            try connection.execute("ROLLBACK TO SAVEPOINT \(Self.savepoint); RELEASE SAVEPOINT \(Self.savepoint)")
            // It takes longer than anybody wants to wait for now.
            return error.sqlState == "57014" ? nil : error
        }
    }

    /// As many as ``DefinitionPieces`` reckons with.
    static func locks(of entry: DefinitionEntry) -> Int { entry.kind == "TABLE" ? 4 : 1 }
}

extension DefinitionEntry {
    /// Something that is done once all definitions are made.
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
