import Postgres

/// A row that the oldest mark of its table does not see.
struct RecentRow {
    /// The position of its chunk.
    let chunk: Int
    let block: UInt32
    let line: UInt32
    /// The transaction that wrote it.
    let transaction: UInt32

    /// Reads the arrays `chunks`, `places` and `transactions`, which have one element for each row.
    static func all(of row: Row) throws -> [RecentRow] {
        let (chunks, places) = (numbers(row["chunks"]), numbers(row["places"]))
        let transactions = numbers(row["transactions"])
        guard chunks.count == transactions.count, chunks.count * 2 == places.count else {
            throw PostgresError(.unexpectedAnswer, "the places of written rows do not match their number")
        }
        return chunks.indices.map { index in
            RecentRow(
                chunk: Int(chunks[index]),
                block: places[2 * index],
                line: places[2 * index + 1],
                transaction: transactions[index]
            )
        }
    }

    /// The numbers in an array's text, in order.
    private static func numbers(_ text: ServerText?) -> [UInt32] {
        var numbers: [UInt32] = []
        var number: UInt32?
        for byte in text?.utf8 ?? "".utf8 {
            if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                number = (number ?? 0) &* 10 &+ UInt32(byte - UInt8(ascii: "0"))
            } else if let done = number {
                numbers.append(done)
                number = nil
            }
        }
        if let number { numbers.append(number) }
        return numbers
    }
}
