import FoundationEssentials

/// The two servers that `scripts/with-postgres` has started.
package enum TestServers {
    /// Without servers, every test that needs them fails: a suite that tests nothing must not pass.
    package struct Missing: Error, CustomStringConvertible {
        package let description = "no servers: run the tests by scripts/test, or scripts/with-postgres swift test"
    }

    package static func source(database: String) throws -> String { try conninfo("TIDEMARK_TEST_SOURCE", database) }
    package static func target(database: String) throws -> String { try conninfo("TIDEMARK_TEST_TARGET", database) }

    private static func conninfo(_ variable: String, _ database: String) throws -> String {
        guard let server = ProcessInfo.processInfo.environment[variable] else { throw Missing() }
        return "\(server) dbname=\(database)"
    }
}
