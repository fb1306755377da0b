import Report
import TestSupport
import Testing
import Tidemark

/// Which of several indexes identifies a table's rows is decided once; the key that divided its chunks is kept.
@Suite struct `The key of a table that is copied` {
    /// Either of the two unique indexes could be the key; the first by name is chosen.
    private static let schema = """
        CREATE TABLE t (a bigint NOT NULL, b bigint NOT NULL, v text);
        INSERT INTO t SELECT n, n, repeat(md5(n::text), 2) FROM generate_series(1, 6000) n;
        CREATE UNIQUE INDEX t_1 ON t (a); CREATE UNIQUE INDEX t_2 ON t (b);
        ANALYZE t;
        """
    /// Twenty rows change again and again, and only the second index is rebuilt.
    private static let churn = [
        """
        DO $$ BEGIN
            FOR n IN 1..400 LOOP
                UPDATE t SET a = a + 100000 * n WHERE b % 300 = 0;
                UPDATE t SET a = a - 100000 * n WHERE b % 300 = 0;
            END LOOP;
        END $$
        """,
        "REINDEX INDEX t_2",
    ]

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let change: [String]
        /// The key's columns at the end.
        let key: String
        /// The number of rows the change writes.
        let written: Int

        init(_ testDescription: String, _ change: [String], key: String = "a", written: Int = 0) {
            self.testDescription = testDescription
            self.change = change
            self.key = key
            self.written = written
        }
    }

    static let cases = [
        Case("an index that has grown", churn, written: 20),
        Case("another name of the index", ["ALTER INDEX t_1 RENAME TO t_9"]),
        Case("another index over the same columns", ["CREATE UNIQUE INDEX t_9 ON t (a); DROP INDEX t_1"]),
        Case("a primary key over another column", ["ALTER TABLE t ADD PRIMARY KEY (b)"]),
        Case("a primary key over the same column", ["ALTER TABLE t ADD PRIMARY KEY USING INDEX t_1"]),
        Case("another name of the column", ["ALTER TABLE t RENAME COLUMN a TO c"], key: "c"),
        Case(
            "two columns whose names are swapped",
            [
                "ALTER TABLE t RENAME COLUMN a TO x", "ALTER TABLE t RENAME COLUMN b TO a",
                "ALTER TABLE t RENAME COLUMN x TO b",
            ],
            key: "b"
        ),
    ]

    private func columnsOfKey(_ pair: DatabasePair) async throws -> String {
        try await pair.target.value(
            """
            SELECT string_agg(p ->> 'name', ',') FROM tidemark.relation r, jsonb_array_elements(r.key -> 'parts') p
            WHERE r.table_name = 't'
            """
        )
    }

    private func expect(_ report: RunReport, copied: Int) {
        #expect(report.transfer.rows == copied, "\(report.text)")
        #expect(!report.warnings.contains { $0.contains("copied again") }, "\(report.warnings)")
    }

    @Test(arguments: Cases.some(2, of: cases)) func `stays the same after`(of change: Case) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await pair.source.untilMarksTell()
            _ = try await pair.migration().precopy()
            #expect(try await columnsOfKey(pair) == "a")
            for statement in change.change { try await pair.source.run(statement) }
            expect(try await pair.migration().precopy(), copied: change.written)
            #expect(try await columnsOfKey(pair) == change.key)
            try await pair.source.untilMarksTell()
            try await pair.source.run("UPDATE t SET v = 'night' WHERE ctid IN (SELECT ctid FROM t LIMIT 7)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.transfer.rows < 100, "\(report.text)")
            #expect(!report.warnings.contains { $0.contains("copied again") }, "\(report.warnings)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(
        arguments: Cases.some(
            1,
            of: [
                "DROP INDEX t_1", "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
                "DROP INDEX t_1; CREATE UNIQUE INDEX t_1 ON t (a) WHERE a > 0",
                "DROP INDEX t_1; ALTER TABLE t ADD CONSTRAINT t_1 UNIQUE (a) DEFERRABLE",
            ]
        )
    )
    func `is replaced when no index guarantees it any more`(_ change: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            _ = try await pair.migration().precopy()
            try await pair.source.run(change)
            let second = try await pair.migration().precopy()
            #expect(second.warnings.contains { $0.contains("another key identifies its rows") }, "\(second.warnings)")
            #expect(try await columnsOfKey(pair) == "b")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
