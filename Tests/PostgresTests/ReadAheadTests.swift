import Postgres
import TestSupport
import Testing

@Suite struct `Queries read ahead` {
    private static let queries: [SQL] = ["SELECT 1 AS n", "SELECT 2 AS n", "SELECT 3 AS n"]

    private static func askInAnyOrder(_ connection: Connection) throws -> [Int] {
        try connection.readingAhead(queries) {
            try connection.transaction(.readWrite) {
                var numbers = [try connection.queryOne(queries[2]).integer("n")]
                try connection.execute("INSERT INTO public.t VALUES (\(value: 7))")
                numbers.append(try connection.queryOne(queries[0]).integer("n"))
                numbers.append(try connection.queryOne("SELECT id AS n FROM public.t").integer("n"))
                // A list inside another one changes nothing.
                try connection.readingAhead(queries) {
                    numbers.append(try connection.queryOne(queries[1]).integer("n"))
                }
                return numbers
            }
        }
    }

    /// Returns the rows that are there after a transaction that a query of the list has ended.
    private static func rowsAfterRefusal(_ connection: Connection) throws -> Int {
        let refused = Result { try writeAndAsk(connection, ["SELECT 1 AS n", "SELECT 1 / 0 AS n", "SELECT 3 AS n"]) }
        #expect(throws: PostgresError.self) { try refused.get() }
        try connection.readingAhead(queries) { _ = try connection.queryOne(queries[0]) }
        return try connection.queryOne("SELECT count(*) AS n FROM public.t").integer("n")
    }

    private static func writeAndAsk(_ connection: Connection, _ queries: [SQL]) throws {
        try connection.readingAhead(queries) {
            try connection.transaction(.readWrite) {
                try connection.execute("INSERT INTO public.t VALUES (1)")
                for query in queries { _ = try connection.queryOne(query) }
            }
        }
    }

    @Test func `are answered in any order, with other statements in between`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int)") { pair in
            let numbers = try await pair.source.connected { try Self.askInAnyOrder($0) }
            #expect(numbers == [3, 1, 7, 2])
            #expect(try await pair.source.column("SELECT id FROM t") == ["7"])
        }
    }

    @Test func `of which some are refused or never asked for leave a usable connection`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int)") { pair in
            let left = try await pair.source.connected { try Self.rowsAfterRefusal($0) }
            #expect(left == 0)
        }
    }

    @Test func `may be longer than the buffers of a connection`() async throws {
        try await DatabasePair.with("SELECT 1") { pair in
            let padding = String(repeating: "x", count: 20_000)
            let queries: [SQL] = (1...200).map { number in
                "SELECT \(number) AS n, pg_catalog.repeat(\(literal: padding), 20) AS wide"
            }
            let numbers = try await pair.source.connected { connection in
                try connection.readingAhead(queries) {
                    try queries.map { try connection.queryOne($0).integer("n") }
                }
            }
            #expect(numbers == Array(1...200))
        }
    }
}

extension TestDatabase {
    fileprivate func connected<Result: Sendable>(_ body: @Sendable (Connection) throws -> Result) async throws -> Result
    {
        try await Connection.with(endpoint, purpose: "test", body: body)
    }
}
