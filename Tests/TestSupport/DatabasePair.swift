import FoundationEssentials
import Glibc
import Planning
import Postgres
import Synchronization
package import Tidemark

/// A source database and an empty target database, for one test.
package struct DatabasePair: Sendable {
    private static let counter = Atomic<Int>(0)
    /// Limits the number of pairs: each one's migrations use a dozen connections, and two cores cannot serve more.
    private static let room = Turnstile(places: 3)
    /// Whether the test has a place already: one that opens another pair within its own must not wait for a second place, which
    /// others that do the same may hold.
    @TaskLocal private static var hasPlace = false

    package let name: String
    package let source: TestDatabase
    package let target: TestDatabase

    /// Creates a pair, passes it to `body`, and drops it.
    ///
    /// - Parameters:
    ///   - schema: SQL run on the source.
    ///   - sourceOptions: Options of CREATE DATABASE for the source.
    ///   - body: The test.
    ///   - file: The file of the test, for `TIDEMARK_TEST_TIMES`: a file that gets a line for each use of a pair, with its seconds.
    ///   - line: The line in it.
    /// - Throws: The errors of `body`.
    package static func with(
        _ schema: String = "",
        sourceOptions: String = "",
        _ body: (DatabasePair) async throws -> Void,
        file: String = #fileID,
        line: Int = #line
    ) async throws {
        guard !hasPlace else { return try await use(schema, sourceOptions, body) }
        try await room.through {
            let start = ContinuousClock.now
            try await $hasPlace.withValue(true) { try await use(schema, sourceOptions, body) }
            note(start.duration(to: .now), of: "\(file):\(line)")
        }
    }

    private static func note(_ duration: Duration, of test: String) {
        guard let path = ProcessInfo.processInfo.environment["TIDEMARK_TEST_TIMES"],
            let file = fopen(path, "a")
        else { return }
        defer { fclose(file) }
        fputs("\(duration / .seconds(1))\t\(test)\n", file)
    }

    private static func use(
        _ schema: String,
        _ sourceOptions: String,
        _ body: (DatabasePair) async throws -> Void
    ) async throws {
        let pair = try await make(schema, sourceOptions)
        defer { pair.drop() }
        try await body(pair)
    }

    /// Starts dropping both databases, because hundreds of them would fill the memory they are kept in.
    ///
    /// The test does not wait: DROP DATABASE waits for every session of the server, including those of other tests.
    private func drop() {
        for (side, conninfo) in [
            (Endpoint.Side.source, try? TestServers.source(database: "postgres")),
            (.target, try? TestServers.target(database: "postgres")),
        ] {
            guard let conninfo else { continue }
            Task.detached {
                // A database that cannot be dropped, such as one with a prepared transaction, goes with its server.
                try? await TestDatabase(conninfo, side: side).run("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
            }
        }
    }

    private static func make(_ schema: String, _ sourceOptions: String) async throws -> DatabasePair {
        let name = "t\(counter.add(1, ordering: .relaxed).newValue)"
        let pair = try DatabasePair(
            name: name,
            source: TestDatabase(TestServers.source(database: name), side: .source),
            target: TestDatabase(TestServers.target(database: name), side: .target)
        )
        try await TestDatabase(TestServers.source(database: "postgres"), side: .source)
            .run("CREATE DATABASE \(name) \(sourceOptions)")
        try await TestDatabase(TestServers.target(database: "postgres"), side: .target).run("CREATE DATABASE \(name)")
        if HostileDatabase.isWanted { try await pair.source.run(HostileDatabase.script) }
        if !schema.isEmpty { try await pair.source.run(schema) }
        return pair
    }

    /// The same source with another, empty database as the target, which `body` uses.
    package func withAnotherTarget<Result>(_ body: (DatabasePair) async throws -> Result) async throws -> Result {
        let other = "\(name)_other"
        let server = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
        try await server.run("DROP DATABASE IF EXISTS \(other) WITH (FORCE)", "CREATE DATABASE \(other)")
        let target = try TestDatabase(TestServers.target(database: other), side: .target)
        let result = try await body(DatabasePair(name: name, source: source, target: target))
        try await server.run("DROP DATABASE \(other) WITH (FORCE)")
        return result
    }

    /// Creates a role on both servers, unless another test has created it.
    package func createRole(_ name: String, _ options: String = "") async throws {
        for database in [source, target] {
            try await database.run(
                """
                DO $$ BEGIN
                    PERFORM pg_advisory_xact_lock(1); -- of two that look at once only one may find none
                    IF to_regrole('\(name)') IS NULL THEN CREATE ROLE \(name) \(options); END IF;
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
                END $$
                """
            )
        }
    }

    /// Makes a role of one server a member of others; all of these roles are shared with other tests.
    ///
    /// - Parameters:
    ///   - roles: Their names, separated by commas.
    ///   - member: The role that becomes a member.
    ///   - database: Any database of that server.
    /// - Throws: The server's error, unless the role is already a member.
    package func grant(_ roles: String, to member: String, on database: TestDatabase) async throws {
        try await database.run(
            """
            DO $$ BEGIN GRANT \(roles) TO \(member);
            EXCEPTION WHEN unique_violation OR internal_error THEN NULL; -- another test did so in the same instant
            END $$
            """
        )
    }

    /// Returns a migration with chunks so small that a few thousand rows fill many.
    package func migration(
        notes: Notes? = nil,
        chunkBytes: Int = 64 << 10,
        wholeBelowBytes: Int = 0,
        _ change: (inout MigrationOptions) -> Void = { _ in }
    ) -> Migration {
        var options = MigrationOptions()
        options.plan.chunkBytes = chunkBytes
        options.plan.wholeBelowBytes = wholeBelowBytes
        options.jobs = 2
        change(&options)
        return Migration(source: source.endpoint, target: target.endpoint, options: options) { notes?.take($0) }
    }

    /// Returns the tables in which the two sides differ, by their sorted rows as text: a check that shares no code with
    /// the tool.
    package func differingTables() async throws -> [String] {
        let tables = try await source.column(
            """
            SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
            """
        )
        var differing: [String] = []
        for table in tables {
            let rows = "SELECT t::text FROM ONLY \(table) t ORDER BY t::text COLLATE \"C\""
            // Compared by bytes, as in PostgreSQL: as Strings, é and é would be equal.
            let (ours, theirs) = (try await source.column(rows), try await target.column(rows))
            if ours.map({ Array($0.utf8) }) != theirs.map({ Array($0.utf8) }) { differing.append(table) }
        }
        return differing
    }
}
