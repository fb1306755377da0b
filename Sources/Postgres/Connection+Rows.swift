import CLibpq

extension Connection {
    /// Runs a query whose rows are decoded, each by its column names.
    ///
    /// Columns are named in `snake_case`; those of type `json` and `jsonb` arrive as what they are a document of.
    ///
    /// - Parameters:
    ///   - type: What a row is.
    ///   - sql: The query.
    /// - Returns: All its rows, in memory.
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
                    "a row of the \(endpoint.side.rawValue)'s answer is no \(type): \(error)"
                )
            }
        }
    }
}
