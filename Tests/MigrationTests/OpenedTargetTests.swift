import Ledger
import Planning
import Postgres
import Report
import TestSupport
import Testing
import Tidemark

/// The target's owner, and whoever uses it, lose nothing by a mistaken command.
@Suite struct `What others have on the target` {
    private static let schema = """
        CREATE TABLE t (id serial PRIMARY KEY, v text, code int); INSERT INTO t (v, code)
            SELECT repeat('v', 100), n FROM generate_series(1, 3000) n;
        CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, 'small');
        CREATE UNLOGGED TABLE cache (id int PRIMARY KEY, v text); INSERT INTO cache VALUES (1, 'a'), (2, 'b');
        CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (1000); INSERT INTO parted VALUES (1, 'part');
        CREATE SEQUENCE invoice_no; SELECT setval('invoice_no', 50); ANALYZE
        """

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("ALTER TABLE t ALTER code TYPE bigint", "INSERT INTO t VALUES (9000, 'theirs', 1)"),
                ("DROP TABLE small", "INSERT INTO small VALUES (9000, 'theirs')"),
                ("DROP TABLE parted", "INSERT INTO parted VALUES (900, 'theirs')"),
                (
                    "ALTER TABLE parted DETACH PARTITION part; DROP TABLE part",
                    "INSERT INTO parted VALUES (900, 'theirs')"
                ),
            ]
        )
    )
    func `are not deleted by following what has changed on the source`(change: String, write: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            try await pair.target.run(write)
            try await pair.source.run(change)
            let theirs = """
                SELECT count(*) FROM (SELECT v FROM t UNION ALL SELECT v FROM small UNION ALL SELECT v FROM parted) AS a WHERE v = 'theirs'
                """
            let error = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(error?.code == .targetWritten, "\(error.map { "\($0)" } ?? "")")
            #expect(try await pair.target.value(theirs) == "1")
            // Without them the change is followed.
            try await pair.target.run(
                "DELETE FROM t WHERE v = 'theirs'; DELETE FROM small WHERE v = 'theirs'; DELETE FROM parted WHERE id = 900"
            )
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    /// The source is at rest, so nothing would have to be copied.
    @Test(arguments: [false, true])
    func `keep a cutover from touching a target that may be open`(isRehearsal: Bool) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            #expect(try await pair.migration().cutover().outcome == .done)
            func again() async throws -> RunReport {
                isRehearsal ? try await pair.migration().rehearse() : try await pair.migration().cutover()
            }
            // The application has drawn numbers, and is yet to write rows.
            try await pair.target.run("SELECT setval('invoice_no', 70); SELECT setval('t_id_seq', 4000)")
            let report = try await again()
            #expect(report.outcome == (isRehearsal ? .rehearsed : .done), "\(report.text)")
            let numbers = "SELECT (SELECT last_value FROM invoice_no) || ' ' || (SELECT last_value FROM t_id_seq)"
            let drawn = try await pair.target.value(numbers)
            #expect(drawn.hasPrefix("70 ") && Int(drawn.dropFirst(3)) ?? 0 >= 4000, "\(drawn)")
            // A crash of the target's server has emptied an unlogged table.
            try await pair.target.run("TRUNCATE cache")
            #expect(try await again().outcome == report.outcome)
            #expect(try await pair.differingTables() == [])
            if isRehearsal { #expect(try await pair.migration().cutover().outcome == .done) }
            // It deletes rows of one: that is no crash.
            try await pair.target.run("DELETE FROM cache WHERE id = 1; INSERT INTO t (v) VALUES ('live')")
            let state = "SELECT step || ' ' || is_rehearsed::text FROM tidemark.run"
            let error = await #expect(throws: LedgerError.self) { _ = try await again() }
            let words = error?.message ?? ""
            #expect(
                error?.code == .targetWritten && words.contains("public.cache") && words.contains("public.t "),
                "\(words)"
            )
            #expect(try await pair.target.value(state) == "done false")
            #expect(try await pair.target.value("SELECT count(*) FROM cache") == "1")
            // So the way back is open.
            let back = Migration(
                source: try Endpoint(pair.target.conninfo, side: .source),
                target: try Endpoint(pair.source.conninfo, side: .target),
                options: MigrationOptions()
            )
            #expect(try await back.back().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }
}
