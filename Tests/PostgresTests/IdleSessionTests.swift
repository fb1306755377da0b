import Postgres
import TestSupport
import Testing

@Suite struct `A session that is kept for the next user` {
    private static func watched(_ database: TestDatabase) -> Endpoint {
        database.endpoint.watched(stop: StopRequest()) { _ in }
    }

    private static func pid(_ connection: Connection) throws -> Int {
        try connection.queryOne("SELECT pg_catalog.pg_backend_pid() AS pid").integer("pid")
    }

    @Test func `keeps nothing of the user before`() async throws {
        try await DatabasePair.with("SELECT 1") { pair in
            try await pair.target.run("CREATE TABLE t (id int)")
            let target = Self.watched(pair.target)
            try await Endpoint.watching([target]) {
                let first = try await Connection.with(target, purpose: "first") { connection in
                    try connection.execute("SET search_path = public; SET datestyle = 'SQL, DMY'; SET work_mem = '1MB'")
                    try connection.execute(
                        "CREATE TEMPORARY TABLE t (id int); SELECT pg_advisory_lock(42); PREPARE p AS SELECT 1"
                    )
                    try connection.begin(.readWrite)
                    try connection.execute("INSERT INTO public.t VALUES (1)")
                    return try Self.pid(connection)
                }
                try await Connection.with(target.asReplica, purpose: "second") { connection in
                    #expect(try Self.pid(connection) == first)
                    let row = try connection.queryOne(
                        """
                        SELECT (SELECT count(*) FROM public.t) AS rows, current_setting('search_path') AS path,
                               current_setting('datestyle') AS style, current_setting('work_mem') <> '1MB' AS is_reset,
                               to_regclass('pg_temp.t') IS NULL AS is_gone,
                               current_setting('application_name') AS name,
                               current_setting('session_replication_role') AS role,
                               (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
                               (SELECT count(*) FROM pg_prepared_statements WHERE name = 'p') AS prepared
                        """
                    )
                    #expect(try row.integer("rows") == 0)
                    #expect(try row.word("path").isEmpty)
                    #expect(try row.word("style") == "ISO, YMD")
                    #expect(try row.boolean("is_reset"))
                    #expect(try row.boolean("is_gone"))
                    #expect(try row.word("name") == "second")
                    #expect(try row.word("role") == "replica")
                    #expect(try row.integer("locks") == 0)
                    #expect(try row.integer("prepared") == 0)
                }
                try await Connection.with(target, purpose: "third") { connection in
                    #expect(try Self.pid(connection) == first)
                    let role = try connection.queryOne("SELECT current_setting('session_replication_role') AS role")
                    #expect(try role.word("role") == "origin")
                }
            }
        }
    }

    @Test(.onceIn(2)) func `is replaced when its server process has ended`() async throws {
        try await DatabasePair.with("SELECT 1") { pair in
            let source = Self.watched(pair.source)
            try await Endpoint.watching([source]) {
                let first = try await Connection.with(source, purpose: "first") { try Self.pid($0) }
                try await pair.source.run("SELECT pg_terminate_backend(\(first), 10000)")
                let second = try await Connection.with(source, purpose: "second") { try Self.pid($0) }
                #expect(second != first)
            }
        }
    }

    @Test func `ends with the call, and on demand`() async throws {
        try await DatabasePair.with("SELECT 1") { pair in
            let source = Self.watched(pair.source)
            let sessions =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kept'"
            func untilNone() async throws {
                for _ in 0..<100 where try await pair.source.value(sessions) != "0" {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(try await pair.source.value(sessions) == "0")
            }
            try await Endpoint.watching([source]) {
                try await Connection.with(source, purpose: "kept") { _ in }
                #expect(try await pair.source.value(sessions) == "1")
                source.endIdleSessions()
                try await untilNone()
                try await Connection.with(source, purpose: "kept") { _ in }
                #expect(try await pair.source.value(sessions) == "1")
            }
            try await untilNone()
            try await Connection.with(source, purpose: "kept") { _ in }
            try await untilNone()
        }
    }

    @Test func `is not kept when its statement was cancelled`() async throws {
        try await DatabasePair.with("SELECT 1") { pair in
            let source = Self.watched(pair.source)
            try await Endpoint.watching([source]) {
                let sleeping = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = 'sleeper'"
                let sleeper = Task {
                    try await Connection.with(source, purpose: "sleeper") { try $0.execute("SELECT pg_sleep(60)") }
                }
                var pid = ""
                while pid.isEmpty { pid = try await pair.source.value("SELECT pid \(sleeping)") }
                sleeper.cancel()
                await #expect(throws: (any Error).self) { try await sleeper.value }
                let next = try await Connection.with(source, purpose: "next") { try Self.pid($0) }
                #expect(String(next) != pid)
            }
        }
    }
}
