import Postgres

/// Compares both sides by `pg_dump --schema-only`, a check that shares no code with the tool.
extension DatabasePair {
    /// Returns the lines that only one side has, in order.
    ///
    /// - Returns: Lines with `-` if only the source has them, with `+` if only the target does.
    package func differingDefinitions() async throws -> [String] {
        let isSameMajor = try await source.majorVersion() == target.majorVersion()
        let ours = try await Self.lines(isSameMajor ? source : reparsed())
        let theirs = try await Self.lines(target)
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
    private func reparsed() async throws -> TestDatabase {
        let copy = "\(name)_reparsed"
        let server = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
        try await server.run("DROP DATABASE IF EXISTS \(copy) WITH (FORCE)", "CREATE DATABASE \(copy)")
        let reparsed = try TestDatabase(TestServers.target(database: copy), side: .target)
        let outcome = try await Command.pipe(
            ["pg_dump", "--schema-only", source.conninfo],
            into: ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", reparsed.conninfo]
        )
        guard outcome.code == 0 else { throw PostgresError(.unexpectedAnswer, outcome.errors) }
        return reparsed
    }

    /// Returns the lines of a dump without the ledger and without lines about the dump's time and version.
    private static func lines(_ database: TestDatabase) async throws -> [ServerText] {
        let dump = ["pg_dump", "--schema-only", "--exclude-schema=tidemark", database.conninfo]
        let outcome = try await Command.filtered(dump)
        guard outcome.code == 0 else { throw PostgresError(.unexpectedAnswer, outcome.errors) }
        return ServerText(outcome.output).pieces(between: "\n").filter { line in
            !line.begins(with: "\\restrict ") && !line.begins(with: "\\unrestrict ") && !line.begins(with: "-- Dumped ")
        }
    }
}
