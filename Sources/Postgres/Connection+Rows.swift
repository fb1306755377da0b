import CLibpq

extension Connection {
    /// Runs a query and decodes each row by its column names.
    ///
    /// Columns are named in `snake_case`; columns of type `json` and `jsonb` are decoded as documents.
    ///
    /// - Parameters:
    ///   - type: The type to decode a row as.
    ///   - sql: The query.
    /// - Returns: All rows, in memory.
    /// - Throws: ``PostgresError``; `.unexpectedAnswer` if a row cannot be decoded.
    package func query<Value: Decodable>(_ type: Value.Type, _ sql: SQL) throws -> [Value] {
        let answer = try answer(to: sql)
        let columns = RowDecoder.Columns(answer)
        return try (0..<PQntuples(answer.pointer)).map { row in
            do {
                return try Value(from: RowDecoder(answer: answer.pointer, row: row, columns: columns))
            } catch {
                throw PostgresError(
                    .unexpectedAnswer,
                    "cannot decode a row of the \(endpoint.side.rawValue)'s answer as \(type): \(error)"
                )
            }
        }
    }
}
