/// One row of an answer, its values as text.
package struct Row: Sendable {
    let names: [String]
    let values: [ServerText?]

    /// The value of a column, nil where it is NULL.
    package subscript(_ column: String) -> ServerText? {
        guard let index = names.firstIndex(of: column) else {
            preconditionFailure("the query has no column '\(column)'")
        }
        return values[index]
    }

    /// Whether there is such a column.
    package func has(_ column: String) -> Bool { names.contains(column) }

    /// The value of a column that cannot be NULL.
    ///
    /// - Parameter column: Its name.
    /// - Returns: The value as text.
    /// - Throws: ``PostgresError`` with `.unexpectedAnswer` where it is NULL.
    package func text(_ column: String) throws -> ServerText {
        guard let value = self[column] else { throw unexpected(column, "NULL") }
        return value
    }

    /// The value of a column that cannot be NULL and holds the tool's or the server's own words: a digest, a state, a
    /// time.
    ///
    /// - Parameter column: Its name.
    /// - Returns: The value.
    /// - Throws: ``PostgresError`` with `.unexpectedAnswer` where it is NULL.
    package func word(_ column: String) throws -> String {
        try text(column).string
    }

    /// The value of an integer column that cannot be NULL.
    ///
    /// - Parameter column: Its name.
    /// - Returns: The number.
    /// - Throws: ``PostgresError`` with `.unexpectedAnswer` where it is not an integer.
    package func integer(_ column: String) throws -> Int {
        guard let number = Int(try word(column)) else { throw unexpected(column, "not an integer") }
        return number
    }

    /// The value of a boolean column that cannot be NULL.
    ///
    /// - Parameter column: Its name.
    /// - Returns: True or false.
    /// - Throws: ``PostgresError`` with `.unexpectedAnswer` where it is neither.
    package func boolean(_ column: String) throws -> Bool {
        switch try word(column) {
        case "t": true
        case "f": false
        default: throw unexpected(column, "not a boolean")
        }
    }

    /// The value of a column that holds a snapshot.
    ///
    /// - Parameter column: Its name.
    /// - Returns: The snapshot.
    /// - Throws: ``PostgresError`` with `.unexpectedAnswer` where it is not a snapshot.
    package func snapshot(_ column: String) throws -> Snapshot {
        guard let snapshot = Snapshot(try word(column)) else { throw unexpected(column, "not a snapshot") }
        return snapshot
    }

    private func unexpected(_ column: String, _ what: String) -> PostgresError {
        PostgresError(.unexpectedAnswer, "the server returned an unexpected value in column '\(column)': \(what)")
    }
}
