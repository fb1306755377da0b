import Ledger
import Postgres
import Report
import Synchronization
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `A proof made ahead` {
    private static let table = """
        CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, v text NOT NULL);
        INSERT INTO t SELECT n, n, repeat('x', 100) FROM generate_series(1, 5000) n; ANALYZE t
        """

    /// Proves the table ahead, runs `change`, then cuts over.
    private static func cutover(
        _ pair: DatabasePair,
        _ change: () async throws -> Void = {}
    ) async throws -> (report: RunReport, table: VerificationResult.ComparedTable) {
        try await pair.source.untilMarksTell()
        #expect(try await pair.migration { $0.provesAhead = false }.precopy().outcome == .done)
        try await pair.target.untilMarksTell()
        let precopy = try await pair.migration().precopy()
        #expect(precopy.outcome == .done && precopy.warnings == [], "\(precopy.text)")
        #expect(try await unproven(pair) == "0")
        try await change()
        let report = try await pair.migration().cutover()
        return (report, try #require(report.verification?.tables.first { $0.name == "public.t" }))
    }

    private static func unproven(_ pair: DatabasePair) async throws -> String {
        try await pair.target.value("SELECT count(*) FROM tidemark.chunk WHERE proof IS NULL")
    }

    @Test func `remains valid for unchanged rows, and changed rows are compared again`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            let (report, table) = try await Self.cutover(pair) {
                try await pair.source.run("UPDATE t SET a = 0 WHERE id = 2500; DELETE FROM t WHERE id = 4000")
            }
            #expect(report.outcome == .done, "\(report.text)")
            #expect(table.sourceRows == 4999 && table.targetRows == 4999)
            #expect(table.ranges > 5)
            // The keys show which rows are left.
            #expect(table.standingRanges == table.ranges)

            let again = try await pair.migration().verify()
            #expect(again.outcome == .done && again.verification?.tables.first?.standingRanges == table.ranges)
            let full = try await pair.migration { $0.verifiesInFull = true }.verify()
            #expect(full.outcome == .done)
            #expect(full.verification?.tables.first?.standingRanges == 0)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                "UPDATE t SET v = 'y' WHERE id = 2500", "DELETE FROM t WHERE id = 2500",
                "INSERT INTO t VALUES (100000, 1, '')",
                // The number of rows is the same; one of them was written.
                "DELETE FROM t WHERE id = 2500; INSERT INTO t VALUES (2500, 2500, 'z')",
                // No row is written, but all of them get another value.
                "ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 7; ALTER TABLE t ALTER a DROP DEFAULT",
                // Every row is rewritten; a count sees no difference.
                "ALTER TABLE t ALTER COLUMN v TYPE text USING v || 'y'",
                "BEGIN; SAVEPOINT s; UPDATE t SET v = 'y' WHERE id = 2500; RELEASE s; COMMIT; VACUUM FREEZE t",
                "CREATE TABLE copy AS SELECT * FROM t; TRUNCATE t; INSERT INTO t SELECT * FROM copy WHERE id <> 7; DROP TABLE copy",
            ]
        )
    )
    func `is no longer valid after a write on the target`(_ change: String) async throws {
        try await DatabasePair.with(Self.table) { pair in
            let (clean, _) = try await Self.cutover(pair)
            #expect(clean.outcome == .done, "\(clean.text)")
            for statement in change.split(separator: "; ") where !change.hasPrefix("BEGIN") {
                try await pair.target.run(String(statement))
            }
            if change.hasPrefix("BEGIN") {
                let parts = change.split(separator: "; VACUUM")
                try await pair.target.run(String(parts[0]))
                try await pair.target.run("VACUUM\(parts[1])")
            }
            let report = try await pair.migration().verify()
            #expect(report.outcome == .differs, "\(report.text)")
            #expect(
                report.verification?.findings.contains { $0.kind == "rows" && $0.object.hasPrefix("public.t") } == true
            )
        }
    }

    @Test func `remains valid when an enum gets a new label, but not when a label is renamed`() async throws {
        try await DatabasePair.with(
            """
            CREATE TYPE mood AS ENUM ('low', 'high'); CREATE TABLE t (id int PRIMARY KEY, m mood, v text NOT NULL);
            INSERT INTO t SELECT n, 'low', repeat('x', 100) FROM generate_series(1, 5000) n; ANALYZE t
            """
        ) { pair in
            let (report, table) = try await Self.cutover(pair) {
                try await pair.source.run("ALTER TYPE mood ADD VALUE 'middle' BEFORE 'high'")
                try await pair.source.run("INSERT INTO t VALUES (6000, 'middle', '')")
            }
            #expect(report.outcome == .done, "\(report.text)")
            #expect(table.ranges > 5 && table.standingRanges == table.ranges)
            for database in [pair.source, pair.target] {
                try await database.run("ALTER TYPE mood RENAME VALUE 'low' TO 'lower'")
            }
            let renamed = try await pair.migration().verify()
            #expect(renamed.outcome == .done && renamed.verification?.tables.first?.standingRanges == 0)
        }
    }

    @Test(.onceIn(2)) func `remains valid when rows are only added, and the new rows are compared`() async throws {
        let grow =
            "INSERT INTO t SELECT n, n, 'new' FROM generate_series(5001, 5060) n; INSERT INTO t VALUES (-1, 0, 'late')"
        let foreign: [String?] = [
            nil, "UPDATE t SET v = 'other' WHERE id = 5020", "UPDATE t SET v = 'other' WHERE id = 4990",
            "DELETE FROM t WHERE id = 5020", "DELETE FROM t WHERE id = 4990; INSERT INTO t VALUES (6000, 1, '')",
            "UPDATE t SET a = 5020 + 5021 - a WHERE id IN (5020, 5021)",
        ]
        for change in Cases.some(3, of: foreign) {
            try await DatabasePair.with(Self.table) { pair in
                let (clean, table) = try await Self.cutover(pair) { try await pair.source.run(grow) }
                #expect(clean.outcome == .done, "\(clean.text)")
                #expect(table.standingRanges == table.ranges && table.targetRows == 5061)
                guard let change else { return }
                for statement in change.split(separator: "; ") { try await pair.target.run(String(statement)) }
                let report = try await pair.migration().verify()
                #expect(report.outcome == .differs, "\(change)")
                #expect(report.verification?.findings.contains { $0.kind == "rows" } == true, "\(change)")
            }
        }
    }

    /// In the middle of the table, which is checked as a whole, and in its last range, which is checked separately.
    @Test(arguments: Cases.some(1, of: [2500, 4995]))
    func `remains valid when the same rows change on both sides, but not when others do`(id: Int) async throws {
        let change =
            "UPDATE t SET v = 'new' WHERE id = \(id); DELETE FROM t WHERE id = \(id + 1); UPDATE t SET id = -id WHERE id = \(id + 2)"
        // On the source, on the target.
        let foreign: [(String?, String?)] = [
            (nil, nil), (nil, "UPDATE t SET v = 'other' WHERE id = \(id + 3)"),
            (nil, "UPDATE t SET v = 'other' WHERE id = \(id)"), (nil, "DELETE FROM t WHERE id = \(id + 3)"),
            // Both sides have as many rows, none of them written since, but not the same rows.
            ("DELETE FROM t WHERE id = \(id - 1)", "DELETE FROM t WHERE id = \(id + 3)"),
        ]
        for (here, there) in Cases.some(3, of: foreign) {
            try await DatabasePair.with(Self.table) { pair in
                let (clean, table) = try await Self.cutover(pair) { try await pair.source.run(change) }
                #expect(clean.outcome == .done, "\(clean.text)")
                #expect(table.standingRanges == table.ranges && table.targetRows == 4999)
                if let here { try await pair.source.run(here) }
                guard let there else { return }
                try await pair.target.run(there)
                let report = try await pair.migration().verify()
                #expect(report.outcome == .differs, "\(there)")
                #expect(report.verification?.findings.contains { $0.kind == "rows" } == true, "\(there)")
            }
        }
    }

    @Test func `includes the writes of a transaction that was open on the source at the time`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            try await pair.source.session { open in
                try await open.run("BEGIN; UPDATE t SET a = -1 WHERE id = 10")
                #expect(try await pair.migration().precopy().outcome == .done)
                try await open.run("COMMIT")
            }
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.value("SELECT a FROM t WHERE id = 10") == "-1")
            try await pair.target.run("UPDATE t SET a = 10 WHERE id = 10")
            #expect(try await pair.migration().verify().outcome == .differs)
        }
    }

    @Test(.onceIn(2)) func `is left to the cutover while another session locks the source's table`() async throws {
        try await DatabasePair.with(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'), (2, 'y')"
        ) {
            pair in
            let migration = pair.migration()
            let locking = Mutex(
                try Connection(to: pair.source.endpoint, purpose: "test", interrupter: Interrupter())
            )
            let disturbed = Migration(source: migration.source, target: migration.target, options: migration.options) {
                guard case .phaseBegan(.proveAhead) = $0 else { return }
                locking.withLock { _ = try? $0.execute("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE") }
            }
            #expect(try await disturbed.precopy().outcome == .done)
            #expect(try await Self.unproven(pair) != "0")
            locking.withLock { $0.rollBack() }
            #expect(try await pair.migration().cutover().outcome == .done)
        }
    }

    @Test func `reports writes on the target days ahead, and repairs them once they are adopted`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            // Otherwise the next pass would copy the chunk again and repair it anyway.
            try await pair.source.untilMarksTell()
            #expect(try await pair.migration { $0.provesAhead = false }.precopy().outcome == .done)
            try await pair.target.run("UPDATE t SET v = 'foreign' WHERE id = 2500")
            let told = try await pair.migration().precopy().warnings
            #expect(told.count == 1 && told.first?.contains("session writes on the target") == true, "\(told)")
            let refused = await #expect(throws: LedgerError.self) { try await pair.migration().precopy() }
            #expect(refused?.code == .targetWritten && refused?.hint?.contains("--adopt") == true)
            let mended = try await pair.migration { $0.targetContents = .rows }.precopy()
            #expect(mended.warnings == [] && mended.transfer.reconciledChunks == 1)
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    /// Somebody writes on the target and undoes it: once that is proven, it does not matter who wrote the row.
    @Test func `makes rows that others have written the run's own`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            try await pair.source.untilMarksTell()
            #expect(try await pair.migration { $0.provesAhead = false }.precopy().outcome == .done)
            try await pair.target.run(
                "UPDATE t SET v = 'foreign' WHERE id = 2500",
                "UPDATE t SET v = repeat('x', 100) WHERE id = 2500"
            )
            try await pair.target.untilMarksTell()
            #expect(try await pair.migration().precopy().warnings == [])
            try await pair.source.run("UPDATE t SET a = 0 WHERE id = 2500; DELETE FROM t WHERE id = 2501")
            #expect(try await pair.migration().cutover().outcome == .done)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `is not used for another source database`() async throws {
        try await DatabasePair.with(Self.table) { pair in
            _ = try await Self.cutover(pair)
            let administration = try TestDatabase(TestServers.source(database: "postgres"), side: .source)
            try await administration.run("CREATE DATABASE \(pair.name)_twin TEMPLATE \(pair.name)")
            let twin = try TestDatabase(
                pair.source.conninfo.replacing("dbname=\(pair.name)", with: "dbname=\(pair.name)_twin"),
                side: .source
            )
            let migration = Migration(
                source: twin.endpoint,
                target: pair.target.endpoint,
                options: pair.migration().options
            )
            let report = try await migration.verify()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.verification?.tables.first?.standingRanges == 0)
        }
    }
}
