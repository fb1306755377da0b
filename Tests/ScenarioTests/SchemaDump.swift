import TestSupport

/// What `pg_dump --schema-only` tells of both sides: the judgement of somebody else about what has arrived.
enum SchemaDump {
    /// Makes a scenario on the source of a new pair of databases.
    static func with(_ scenario: Scenario, _ body: (DatabasePair) async throws -> Void) async throws {
        try await Scenario.prepareServers()
        try await DatabasePair.with { pair in
            let version = Int(try await pair.source.value("SELECT current_setting('server_version_num')")) ?? 0
            let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"
            let counts = [try await pair.source.value(available), try await pair.target.value(available)]
            let hasExtensions = counts == ["1", "1"]
            try await scenario.make(in: pair.source, version: version / 10_000, hasExtensions: hasExtensions)
            try await body(pair)
        }
    }

    /// The lines that one side has and the other has not, in order.
    ///
    /// - Returns: `-` before lines of the source's alone, `+` before the target's.
    static func differences(_ pair: DatabasePair) async throws -> [String] {
        let (ours, theirs) = (try await lines(pair.source), try await lines(pair.target))
        return theirs.difference(from: ours).map { change in
            switch change {
            case .remove(_, let line, _): "-\(line)"
            case .insert(_, let line, _): "+\(line)"
            }
        }
    }

    /// The normalisation: without the lines that tell when and from which version the dump was made, and without the ledger.
    private static func lines(_ database: TestDatabase) async throws -> [String] {
        let outcome = try await Command.tool(
            "pg_dump",
            ["--schema-only", "--exclude-schema=tidemark", database.conninfo]
        )
        guard outcome.code == 0 else { throw Scenario.Failure(description: outcome.errors) }
        return outcome.output.split(separator: "\n").filter { line in
            !line.hasPrefix("\\restrict ") && !line.hasPrefix("\\unrestrict ") && !line.hasPrefix("-- Dumped ")
        }.map(String.init)
    }
}
