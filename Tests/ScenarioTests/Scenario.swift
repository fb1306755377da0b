import FoundationEssentials
import TestSupport

/// A database that an application might have, created by a script, with rows.
enum Scenario: String, CaseIterable, Sendable {
    /// Every kind of object that `pg_dump` includes; needs a superuser.
    case everything
    /// Names that break bad quoting; needs a superuser.
    case hardNames = "hard-names"
    /// Objects that an ordinary role can create.
    case ordinary

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Creates the scenario in a database, with everything that its server's version supports.
    ///
    /// - Parameters:
    ///   - database: An empty database.
    ///   - version: The server's major version.
    ///   - hasExtensions: Whether both servers have the extensions PostgreSQL is distributed with.
    /// - Throws: ``Failure`` with psql's messages.
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

    /// Creates what the scenarios need on both servers before the first test: roles, a tablespace.
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
