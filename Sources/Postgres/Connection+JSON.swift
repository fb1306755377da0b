import FoundationEssentials

extension Connection {
    private static let rowsOfDocument = 500

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
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        var values: [Value] = []
        values.reserveCapacity(rows.count)
        // One document is decoded several times faster than one per row, and takes many times its size while it is.
        for start in stride(from: 0, to: rows.count, by: Self.rowsOfDocument) {
            let batch = rows[start..<min(start + Self.rowsOfDocument, rows.count)]
            let document = "[" + (try batch.map { try $0.text("j") }).joined(separator: ",") + "]"
            do {
                values += try decoder.decode([Value].self, from: Data(document.utf8))
            } catch {
                throw PostgresError(.unexpectedAnswer, "the answer is no list of \(type): \(error)")
            }
        }
        return values
    }
}
