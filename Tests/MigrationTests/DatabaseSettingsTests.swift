import TestSupport
import Testing
import Tidemark

@Suite struct `What a database carries itself` {
    private static func settings(_ name: String) -> String {
        #"""
        ALTER DATABASE \#(name) SET search_path = "$user", public, "Odd, ""name""", UPPER;
        ALTER DATABASE \#(name) SET statement_timeout = '5min';
        ALTER DATABASE \#(name) SET app.tenant = 'it''s = 1, 2';
        ALTER DATABASE \#(name) SET log_statement = 'ddl';
        ALTER ROLE setting_role IN DATABASE \#(name) SET default_transaction_read_only = on;
        ALTER ROLE setting_role IN DATABASE \#(name) SET search_path = '';
        ALTER ROLE setting_role IN DATABASE \#(name) SET work_mem = '77MB';
        ALTER DATABASE \#(name) CONNECTION LIMIT 77;
        REVOKE CONNECT ON DATABASE \#(name) FROM PUBLIC;
        GRANT CONNECT ON DATABASE \#(name) TO setting_role WITH GRANT OPTION;
        COMMENT ON DATABASE \#(name) IS 'it''s a database';
        """#
    }

    /// The database's settings as `pg_dump --create` prints them, independent of the tool.
    private static func told(_ database: TestDatabase) async throws -> [Substring] {
        let outcome = try await Command.tool("pg_dump", ["--create", "--schema-only", database.conninfo])
        return outcome.output.split(separator: "\n").filter { line in
            !line.contains("OWNER TO") && (line.contains(" DATABASE ") && !line.hasPrefix("--"))
        }
    }

    @Test func `is copied during cutover`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            try await pair.createRole("setting_role")
            try await pair.source.run(Self.settings(pair.name))
            _ = try await pair.migration().precopy()
            #expect(
                try await pair.target.value(
                    "SELECT count(*) FROM pg_db_role_setting WHERE setdatabase <> 0 AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"
                ) == "0"
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let (ours, theirs) = (try await Self.told(pair.source), try await Self.told(pair.target))
            #expect(ours == theirs)
            #expect(ours.count >= 12)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("ALTER DATABASE %d RESET statement_timeout", "statement_timeout"),
                ("ALTER DATABASE %d SET search_path = public", "search_path"),
                ("ALTER ROLE setting_role IN DATABASE %d SET work_mem = '1MB'", "work_mem for role setting_role"),
                ("ALTER DATABASE %d CONNECTION LIMIT 5", "connection limit"),
                ("REVOKE CONNECT ON DATABASE %d FROM setting_role", "CONNECT for setting_role"),
            ]
        )
    )
    func `is compared`(change: String, object: String) async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            try await pair.createRole("setting_role")
            try await pair.source.run(Self.settings(pair.name))
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(
                "SET default_transaction_read_only = off; " + change.replacing("%d", with: pair.name)
            )
            let report = try await pair.migration().verify()
            #expect(report.outcome == .differs)
            #expect(report.verification?.findings.map(\.object) == [object])
            #expect(try await pair.migration { $0.omissions = [.databaseSettings] }.verify().outcome == .done)
        }
    }

    /// The usual ways to close an application's database for a night.
    @Test func `is not copied if it closes the source`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            // idle_session_timeout came with version 14.
            guard try await pair.source.majorVersion() >= 14 else { return }
            try await pair.createRole("setting_writer", "LOGIN")
            try await pair.source.run(
                "GRANT INSERT ON t TO setting_writer; GRANT USAGE ON SCHEMA public TO setting_writer"
            )
            _ = try await pair.migration().precopy()
            try await pair.source.run(
                """
                ALTER DATABASE \(pair.name) SET default_transaction_read_only = on;
                ALTER DATABASE \(pair.name) SET statement_timeout = '900ms'; ALTER DATABASE \(pair.name) SET idle_session_timeout = 950;
                ALTER DATABASE \(pair.name) SET lock_timeout = '5s'; ALTER DATABASE \(pair.name) CONNECTION LIMIT 0;
                ALTER ROLE setting_writer IN DATABASE \(pair.name) SET default_transaction_read_only = 'tru'
                """
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            let left = report.verification?.findings.filter { $0.code == "database-setting.left-behind" } ?? []
            #expect(left.count == 5 && left.allSatisfy { $0.severity == .note }, "\(report.text)")
            let arrived = try await pair.target.column(
                "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()"
            )
            #expect(arrived == ["lock_timeout=5s"])
            let writer = try TestDatabase(
                pair.target.conninfo.replacing("user=postgres", with: "user=setting_writer"),
                side: .target
            )
            _ = try await Command.tool("psql", ["--command=INSERT INTO t VALUES (5)", writer.conninfo])
            #expect(try await pair.target.value("SELECT count(*) FROM t WHERE id = 5") == "1")
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("ALTER DATABASE %d SET default_transaction_read_only = 'y'", "database-setting.closes"),
                ("ALTER DATABASE %d SET transaction_timeout = '0.5 s'", "database-setting.closes"),
                ("ALTER DATABASE %d SET statement_timeout = '800ms'", "database-setting.closes"),
                ("ALTER DATABASE %d CONNECTION LIMIT 0", "database-setting.closes"),
                ("REVOKE CONNECT ON DATABASE %d FROM PUBLIC", "database-setting.closes"),
                ("ALTER ROLE setting_writer IN DATABASE %d SET default_transaction_read_only = on", "role.read-only"),
            ]
        )
    )
    func `is reported if it closes the target`(change: String, code: String) async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            if change.contains("transaction_timeout"), try await pair.target.majorVersion() < 17 { return }
            try await pair.createRole("setting_writer", "LOGIN")
            try await pair.source.run("GRANT INSERT ON t TO setting_writer")
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(change.replacing("%d", with: pair.name))
            let report = try await pair.migration().verify()
            #expect(report.outcome == .differs, "\(report.text)")
            let finding = report.verification?.findings.first { $0.code == code }
            #expect(finding?.severity == .stops && finding?.repair != nil, "\(report.text)")
        }
    }
}
