import Report
import TestSupport
import Testing
import Tidemark

/// A repeated cutover refreshes a materialized view only if something it is made from may have changed.
@Suite struct `Materialized views of a repeated cutover` {
    private static let schema = """
        CREATE TABLE rest (id int PRIMARY KEY, n numeric, at timestamptz);
        CREATE TABLE busy (id int PRIMARY KEY, n numeric);
        CREATE TABLE shrinking (id int PRIMARY KEY, n numeric);
        CREATE TABLE parts (id int PRIMARY KEY, n numeric) PARTITION BY RANGE (id);
        CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (2000);
        CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (2000) TO (9000);
        INSERT INTO rest SELECT n, n, '2026-01-01'::timestamptz + n * interval '1 h' FROM generate_series(1, 3000) n;
        INSERT INTO busy SELECT n, n FROM generate_series(1, 3000) n;
        INSERT INTO shrinking SELECT n, n FROM generate_series(1, 3000) n;
        INSERT INTO parts SELECT n, n FROM generate_series(1, 3000) n;
        CREATE FUNCTION doubled(n numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
        CREATE VIEW through AS SELECT id, n FROM busy;
        CREATE MATERIALIZED VIEW of_rest AS SELECT date_trunc('day', at) AS day, sum(n) AS n FROM rest GROUP BY 1;
        CREATE MATERIALIZED VIEW over_rest AS SELECT max(n) AS n FROM of_rest;
        CREATE MATERIALIZED VIEW of_busy AS SELECT count(*) AS n FROM through;
        CREATE MATERIALIZED VIEW of_both AS SELECT r.id FROM rest r JOIN busy b USING (id);
        CREATE MATERIALIZED VIEW of_shrinking AS SELECT count(*) AS n FROM shrinking;
        CREATE MATERIALIZED VIEW of_parts AS SELECT count(*) AS n FROM parts;
        CREATE MATERIALIZED VIEW of_time AS SELECT now() AS at, count(*) AS n FROM rest;
        CREATE MATERIALIZED VIEW of_date AS SELECT count(*) AS n FROM rest WHERE at::date <= CURRENT_DATE;
        CREATE MATERIALIZED VIEW of_function AS SELECT sum(doubled(n)) AS n FROM rest;
        CREATE MATERIALIZED VIEW of_catalog AS SELECT count(*) AS n FROM pg_class, rest;
        CREATE MATERIALIZED VIEW of_nothing AS SELECT 1 AS n;
        ANALYZE
        """

    /// The file of each view; a refresh replaces it.
    private static func files(_ pair: DatabasePair) async throws -> [String: String] {
        let rows = try await pair.target.column(
            "SELECT relname || ' ' || pg_relation_filenode(oid) FROM pg_class WHERE relkind = 'm' ORDER BY relname"
        ).map { $0.split(separator: " ").map(String.init) }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0[0], $0[1]) })
    }

    private static func refreshed(since before: [String: String], _ pair: DatabasePair) async throws -> Set<String> {
        Set(try await files(pair).filter { before[$0.key] != $0.value }.keys)
    }

    private static let unsteady: Set = ["of_time", "of_date", "of_function", "of_catalog"]

    @Test func `are refreshed if their tables were written to, or their result may change without`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.untilMarksTell()
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().rehearse().outcome == .rehearsed)
            var before = try await Self.files(pair)

            try await pair.source.run(
                "INSERT INTO busy VALUES (5000, 1); DELETE FROM shrinking; UPDATE parts SET n = 0 WHERE id = 2999"
            )
            try await pair.source.untilMarksTell()
            #expect(try await pair.migration().rehearse().outcome == .rehearsed)
            #expect(
                try await Self.refreshed(since: before, pair)
                    == Self.unsteady.union(["of_busy", "of_both", "of_shrinking", "of_parts"])
            )
            #expect(
                try await pair.target.column("SELECT n FROM of_busy UNION ALL SELECT n FROM of_shrinking") == [
                    "3001", "0",
                ]
            )

            // The query of a view in between is replaced on both sides, and a view itself on the target.
            before = try await Self.files(pair)
            let replaced = "CREATE OR REPLACE VIEW through AS SELECT id, n FROM busy WHERE id > 10"
            try await pair.source.run(replaced)
            try await pair.target.run(
                replaced,
                "DROP MATERIALIZED VIEW over_rest; CREATE MATERIALIZED VIEW over_rest AS SELECT max(n) AS n FROM of_rest"
            )
            let night = try await pair.migration().cutover()
            #expect(night.outcome == .done, "\(night.text)")
            #expect(try await Self.refreshed(since: before, pair) == Self.unsteady.union(["of_busy", "over_rest"]))
            #expect(try await pair.target.value("SELECT n FROM of_busy") == "2991")
            #expect(try await pair.target.value("SELECT count(*) FROM pg_stats WHERE tablename = 'of_rest'") == "2")
        }
    }
}
