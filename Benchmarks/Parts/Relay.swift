import Postgres

/// A COPY of rows from one server to the other, as for a chunk's base.
final class Relay {
    private let source: Connection
    private let target: Connection
    private let format: CopyFormat

    init(from source: String, to target: String, _ format: CopyFormat) throws {
        let interrupter = Interrupter()
        self.format = format
        self.source = try Connection(
            to: Endpoint("\(source) dbname=postgres", side: .source),
            purpose: "benchmark",
            interrupter: interrupter
        )
        self.target = try Connection(
            to: Endpoint("\(target) dbname=postgres", side: .target),
            purpose: "benchmark",
            interrupter: interrupter
        )
        try self.target.execute(
            "CREATE TEMPORARY TABLE rows (id bigint, kind text, amount numeric, at timestamptz)"
        )
    }

    func run() throws {
        try target.execute("TRUNCATE pg_temp.rows")
        _ = try source.relay(
            """
            COPY (SELECT n, 'kind ' || n % 100, n / 100.0, timestamptz '2024-01-01' + n * interval '1 s'
                  FROM pg_catalog.generate_series(1::bigint, 500000) AS n) TO STDOUT \(format.clause)
            """,
            to: target,
            "COPY pg_temp.rows FROM STDIN \(format.clause)",
            progress: { _ in }
        )
    }
}
