import FoundationEssentials
import TestSupport

/// A database that an application might have: its script makes it, with rows.
enum Scenario: String, CaseIterable, Sendable {
    /// Every kind of object `pg_dump` carries; needs a superuser.
    case everything
    /// Names that break what quotes badly; needs a superuser.
    case hardNames = "hard-names"
    /// What an ordinary role can make by itself.
    case ordinary

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Makes the scenario in a database, with all that its server's version knows.
    ///
    /// - Parameters:
    ///   - database: An empty one.
    ///   - version: The server's major version.
    ///   - hasExtensions: Whether both servers have the extensions PostgreSQL is distributed with.
    /// - Throws: ``Failure`` with what psql said.
    func make(in database: TestDatabase, version: Int, hasExtensions: Bool) async throws {
        var scripts = [rawValue]
        if self == .everything { scripts += [14, 15, 18].filter { $0 <= version }.map { "\(rawValue)-\($0)" } }
        if self == .ordinary, hasExtensions { scripts.append("extensions") }
        for script in scripts {
            let outcome = try await Command.tool(
                "psql",
                [
                    "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=\(Self.folder)/\(script).sql",
                    database.conninfo,
                ]
            )
            guard outcome.code == 0 else { throw Failure(description: "\(script): \(outcome.errors)") }
        }
    }

    /// What the scenarios expect of a server: roles, a tablespace.
    ///
    /// Both have it before the first test.
    static func prepareServers() async throws {
        try await servers.value
    }

    private static let servers = Task {
        for conninfo in [try TestServers.source(database: "postgres"), try TestServers.target(database: "postgres")] {
            let outcome = try await Command.tool(
                "psql",
                ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=\(folder)/server.sql", conninfo]
            )
            guard outcome.code == 0 else { throw Failure(description: outcome.errors) }
        }
    }

    private static let folder = "Tests/ScenarioTests/Scenarios"
}
