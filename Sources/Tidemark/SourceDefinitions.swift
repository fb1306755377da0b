import Catalog
import Planning
import Postgres
import Rebuild

/// The source's definitions at one moment.
struct SourceDefinitions: Sendable {
    let definitions: Definitions
    /// The definitions that come before the rows, as single entries.
    let entries: [DefinitionEntry]
    /// A mark taken just before the definitions were read.
    let mark: DefinitionsMark
}

extension Session {
    /// Returns a mark of the definitions from before the cutover's snapshot.
    func earlyMark() async throws -> DefinitionsMark {
        if let followed { return followed.mark }
        return try await ThreadConfined.with(migration.source, purpose: purpose("definitions")) { source in
            try await source.run { try DefinitionsMark(of: $0) }
        }
    }

    /// Reads the source's current definitions.
    func dumpDefinitions() async throws -> SourceDefinitions {
        let (mark, access) = try await ThreadConfined.with(migration.source, purpose: purpose("definitions")) {
            source in
            try await source.run { (try DefinitionsMark(of: $0), try Definitions.Access($0)) }
        }
        let left = Set(source.sequences.map(\.qualifiedName)).subtracting(sequences.map(\.qualifiedName))
        let definitions = try await Definitions(
            of: access,
            tools: tools,
            scratch: migration.options.scratchDirectory,
            excluding: excluded.union(left),
            purpose: purpose("definitions"),
            options: Definitions.Options(migration.options)
        )
        return SourceDefinitions(
            definitions: definitions,
            entries: try await definitions.preDataEntries(),
            mark: mark
        )
    }

    /// Returns the source's definitions in a snapshot; reuses the ones just followed if no catalog changed since.
    ///
    /// - Parameter holder: The connection that holds the snapshot.
    /// - Returns: The definitions.
    /// - Throws: ``ToolError``, ``PostgresError``.
    func definitions(in holder: ThreadConfined<Connection>) async throws -> SourceDefinitions {
        if let followed, try await holder.run({ try followed.mark.holds(on: $0) }) { return followed }
        return try await dumpDefinitions()
    }
}

extension Definitions {
    /// Reads the target's entries with the same tool as the source's.
    static func entries(
        on target: Endpoint,
        tools: PostgresTools,
        _ options: MigrationOptions,
        purpose: String
    ) async throws -> [DefinitionEntry] {
        let access = try await ThreadConfined.with(target, purpose: purpose) { target in
            try await target.run { try Access($0) }
        }
        return try await Definitions(
            of: access,
            tools: tools,
            scratch: options.scratchDirectory,
            excluding: [],
            purpose: purpose,
            options: Options(options)
        ).preDataEntries()
    }
}

extension Definitions.Options {
    init(_ options: MigrationOptions) {
        let kinds: [Omission: [String]] = [
            .eventTriggers: ["EVENT TRIGGER"],
            .publications: ["PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA"],
            .subscriptions: ["SUBSCRIPTION", "SUBSCRIPTION TABLE"],
        ]
        self.init(
            skipsOwners: options.omissions.contains(.owners),
            skipsPrivileges: options.omissions.contains(.privileges),
            skipsTablespaces: options.omissions.contains(.tablespaces),
            skippedKinds: options.omissions.flatMap { kinds[$0] ?? [] }
        )
    }
}
