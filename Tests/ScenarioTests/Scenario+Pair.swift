import Postgres
import TestSupport

extension Scenario {
    /// Creates a scenario on the source of a new pair of databases.
    static func with(_ scenario: Scenario, _ body: (DatabasePair) async throws -> Void) async throws {
        try await Scenario.prepareServers()
        try await DatabasePair.with { pair in
            let version = try await pair.source.majorVersion()
            try await scenario.make(in: pair.source, version: version, hasExtensions: hasExtensions(pair))
            try await body(pair)
        }
    }

    /// Whether both servers have the extensions PostgreSQL is distributed with.
    static func hasExtensions(_ pair: DatabasePair) async throws -> Bool {
        let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"
        let counts = [try await pair.source.value(available), try await pair.target.value(available)]
        return counts == ["1", "1"]
    }
}
