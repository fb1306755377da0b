import FoundationEssentials

extension Connection {
    /// Runs a query whose rows are decoded, each by its column names.
    ///
    /// Columns are named in `snake_case`; arrays and composite values arrive as they are.
    ///
    /// - Parameters:
    ///   - type: What a row is.
    ///   - sql: The query, without a semicolon at its end.
    /// - Returns: All its rows, in memory.
    /// - Throws: ``PostgresError``; `.unexpectedAnswer` if a row cannot be decoded.
    package func query<Value: Decodable>(_ type: Value.Type, _ sql: SQL) throws -> [Value] {
        let rows = try query("SELECT pg_catalog.row_to_json(q)::text AS j FROM (\(sql)) AS q")
        // One document is decoded several times faster than one per row.
        let document = "[" + (try rows.map { try $0.text("j") }).joined(separator: ",") + "]"
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode([Value].self, from: Data(document.utf8))
        } catch {
            throw PostgresError(.unexpectedAnswer, "the answer is no list of \(type): \(error)")
        }
    }
}
