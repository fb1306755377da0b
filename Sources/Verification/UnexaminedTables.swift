import Catalog
import Postgres

/// Tables whose rows a server refused to read, hash or count, and why: one of them must not end the proof of all others.
struct UnexaminedTables: Sendable {
    private var reasons: [QualifiedName: String] = [:]

    /// Adds a table; the first reason stays.
    mutating func add(_ table: QualifiedName, _ error: PostgresError) {
        if reasons[table] == nil { reasons[table] = error.description }
    }

    func contains(_ table: QualifiedName) -> Bool { reasons[table] != nil }

    /// For the report, by name.
    var told: [String] {
        reasons.sorted { $0.key < $1.key }.map { "the rows of \($0.key) could not be examined: \($0.value)" }
    }
}

extension PostgresError {
    /// Whether a server refused a statement and can be asked other things.
    ///
    /// A function failed, a right is missing, a page is damaged; not a lost connection, a stop, or an answer the tool does
    /// not understand.
    package var isRefusal: Bool { (code == .statementFailed || code == .copyFailed) && sqlState != nil }
}
