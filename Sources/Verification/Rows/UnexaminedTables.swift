import Catalog
import Postgres

/// Tables whose rows a server refused to read, hash or count, and why.
///
/// One such table must not end the proof of all others.
struct UnexaminedTables: Sendable {
    private var reasons: [QualifiedName: String] = [:]

    /// Adds a table; the first reason stays.
    mutating func add(_ table: QualifiedName, _ error: PostgresError) {
        if reasons[table] == nil { reasons[table] = error.description }
    }

    func contains(_ table: QualifiedName) -> Bool { reasons[table] != nil }

    /// The tables and reasons as reports show them, sorted by table.
    var messages: [String] {
        reasons.sorted { $0.key < $1.key }.map { "the rows of \($0.key) could not be examined: \($0.value)" }
    }
}

extension PostgresError {
    /// Whether a server refused a statement and the connection still works.
    ///
    /// A refusal is a function that failed, a missing right or a damaged page. A lost connection, a stop or an answer
    /// the tool does not understand is not.
    package var isRefusal: Bool { (code == .statementFailed || code == .copyFailed) && sqlState != nil }
}
