import FoundationEssentials
import Glibc
import Postgres
import TestSupport
import Testing

/// What a server refuses in the middle of a run because something is used up.
@Suite(.serialized) struct `A limit of the server` {
    private static let options = ["--chunk-size", "256kB", "--whole-below", "8kB", "--jobs", "4", "--quiet"]
    private static let schema = """
        CREATE TABLE t (id bigint PRIMARY KEY, u int UNIQUE, v text);
        INSERT INTO t SELECT n, n, repeat(md5(n::text), 8) FROM generate_series(1, 30000) n; CREATE INDEX ON t (v);
        CREATE TABLE w (id int, v text); INSERT INTO w SELECT n, 'w' FROM generate_series(1, 10) n; ANALYZE
        """

    private static func command(_ pair: DatabasePair) -> Command {
        Command(environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo])
    }

    @Test func `of disk space ends the call with an error that names it, and the next one goes on`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = FileManager.default.temporaryDirectory.path + "/small-" + UUID().uuidString
            mkdir(folder, 0o755)
            defer { rmdir(folder) }
            let mounted = try? await Command.program(
                "mount",
                ["-t", "tmpfs", "-o", "size=14m,mode=777", "tmpfs", folder]
            )
            // Mounting requires root.
            guard mounted?.code == 0 else { return }
            defer { umount2(folder, Int32(MNT_DETACH)) }
            if getuid() == 0, let owner = getpwnam("postgres") {
                chown(folder, owner.pointee.pw_uid, owner.pointee.pw_gid)
            }
            let server = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
            try await server.run(
                "CREATE TABLESPACE small_\(pair.name) LOCATION '\(folder)'",
                "ALTER DATABASE \(pair.name) SET TABLESPACE small_\(pair.name)"
            )
            let command = Self.command(pair)
            let full = try await command.run(["precopy"] + Self.options, killAfter: nil)
            #expect(full.code == 1, "\(full.errors)\(full.output)")
            #expect(full.errors.contains("No space left on device") && full.errors.contains("HINT"), "\(full.errors)")
            #expect(full.errors.contains("run the same command again"), "\(full.errors)")
            #expect(try await Command.program("mount", ["-o", "remount,size=300m", folder]).code == 0)
            for act in ["precopy", "cutover"] {
                let done = try await command.run([act] + Self.options, killAfter: nil)
                #expect(done.code == 0, "\(done.errors)\(done.output)")
            }
            #expect(try await pair.differingTables() == [])
            #expect(try await pair.differingDefinitions() == [])
            try await server.run(
                "DROP DATABASE \(pair.name) WITH (FORCE)",
                "DROP TABLESPACE small_\(pair.name)"
            )
        }
    }

    /// Sessions that are open stay; new ones are refused.
    @Test(arguments: Cases.some(1, of: [Endpoint.Side.source, .target]), [StatusPoint.snapshotExported, .phaseBegun])
    func `of connections that is lowered in the middle`(of side: Endpoint.Side, at point: StatusPoint) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let role = "limited_\(pair.name)"
            try await pair.createRole(role, "LOGIN")
            try await pair.source.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(role)")
            try await pair.target.run("ALTER DATABASE \(pair.name) OWNER TO \(role)")
            @Sendable func limit(_ count: Int) async throws {
                try await (side == .source ? pair.source : pair.target).run(
                    "ALTER ROLE \(role) CONNECTION LIMIT \(count)"
                )
            }
            let command = Command(
                environment: [
                    "TIDEMARK_SOURCE": pair.source.conninfo.replacing("user=postgres", with: "user=\(role)"),
                    "TIDEMARK_TARGET": pair.target.conninfo.replacing("user=postgres", with: "user=\(role)"),
                ]
            )
            let options = Self.options + ["--no-owner", "--no-privileges"]
            let before = try await command.run(["precopy"] + options, killAfter: nil)
            #expect(before.code == 0, "\(before.errors)")
            try await pair.source.run("UPDATE t SET v = 'new' WHERE id % 3 = 0")
            let refused = try await command.run(["cutover"] + options, pauseAt: point) { try await limit(1) }
            // Where no session is opened afterwards, there is nothing to refuse.
            if refused.code != 0 {
                #expect(
                    refused.code == 1 && refused.errors.contains("too many connections for role"),
                    "\(refused.errors)"
                )
                #expect(refused.errors.contains("HINT: free connections"), "\(refused.errors)")
            }
            try await limit(-1)
            let done = try await command.run(["cutover"] + options, killAfter: nil)
            #expect(done.code == 0, "\(done.errors)\(done.output)")
            #expect(try await pair.differingTables() == [])
        }
    }
}
