import Postgres

extension Row {
    /// Reads a sum of hashes, which is too large for the server's integers.
    func sum(_ column: String) throws -> Int128 {
        guard let sum = Int128(try word(column)) else {
            throw PostgresError(.unexpectedAnswer, "\(column) is not a number: \(try word(column).visible)")
        }
        return sum
    }
}
