import Postgres
import TestSupport

/// Compares both sides by `pg_dump --schema-only`, a check that is independent of the tool.
enum SchemaDump {
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

    /// Returns the lines that only one side has, in order.
    ///
    /// - Returns: Lines with `-` if only the source has them, with `+` if only the target does.
    static func differences(_ pair: DatabasePair) async throws -> [String] {
        let isSameMajor = try await pair.source.majorVersion() == pair.target.majorVersion()
        let ours = try await lines(isSameMajor ? pair.source : reparsed(pair))
        let theirs = try await lines(pair.target)
        return theirs.difference(from: ours).map { change in
            switch change {
            case .remove(_, let line, _): "-\(line.visible)"
            case .insert(_, let line, _): "+\(line.visible)"
            }
        }
    }

    /// Restores the source's definitions on the target's server, so that the target's version prints them.
    ///
    /// Versions print the same view differently, and newer ones name constraints that had no name.
    private static func reparsed(_ pair: DatabasePair) async throws -> TestDatabase {
        let name = "\(pair.name)_reparsed"
        try await pair.target.run("CREATE DATABASE \(name)")
        let reparsed = try TestDatabase(TestServers.target(database: name), side: .target)
        let outcome = try await Command.pipe(
            ["pg_dump", "--schema-only", pair.source.conninfo],
            into: ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", reparsed.conninfo]
        )
        guard outcome.code == 0 else { throw Scenario.Failure(description: outcome.errors) }
        return reparsed
    }

    /// Returns the lines of a dump without the ledger and without lines about the dump's time and version.
    private static func lines(_ database: TestDatabase) async throws -> [ServerText] {
        let dump = ["pg_dump", "--schema-only", "--exclude-schema=tidemark", database.conninfo]
        let outcome = try await Command.filtered(dump)
        guard outcome.code == 0 else { throw Scenario.Failure(description: outcome.errors) }
        return ServerText(outcome.output).pieces(between: "\n").filter { line in
            !line.begins(with: "\\restrict ") && !line.begins(with: "\\unrestrict ") && !line.begins(with: "-- Dumped ")
        }
    }
}
