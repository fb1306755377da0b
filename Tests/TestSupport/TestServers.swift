import FoundationEssentials
import Postgres

/// The two servers that `scripts/with-postgres` has started.
package enum TestServers {
    /// Without servers, every test that needs them fails: a suite that tests nothing must not pass.
    package struct Missing: Error, CustomStringConvertible {
        package let description = "no servers: run the tests by scripts/test, or scripts/with-postgres swift test"
    }

    package static func source(database: String) throws -> String { try conninfo("TIDEMARK_TEST_SOURCE", database) }
    package static func target(database: String) throws -> String { try conninfo("TIDEMARK_TEST_TARGET", database) }

    /// Whether both servers keep their counters in shared memory (PostgreSQL 15 and newer).
    @Sendable package static func areBothSince15() async throws -> Bool {
        let source = try TestDatabase(source(database: "postgres"), side: .source)
        let target = try TestDatabase(target(database: "postgres"), side: .target)
        let majors = (try await source.majorVersion(), try await target.majorVersion())
        return majors.0 >= 15 && majors.1 >= 15
    }

    private static func conninfo(_ variable: String, _ database: String) throws -> String {
        guard let server = ProcessInfo.processInfo.environment[variable] else { throw Missing() }
        return "\(server) dbname=\(database)"
    }
}
