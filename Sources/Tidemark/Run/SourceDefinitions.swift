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

extension Definitions {
    /// Reads the target's entries with the same tool as the source's.
    static func entries(
        on target: Endpoint,
        tools: PostgresTools,
        _ options: MigrationOptions,
        purpose: String
    ) async throws -> [DefinitionEntry] {
        let access = try await Connection.with(target, purpose: purpose) { try Access($0) }
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
        skippedExtensions = options.omissions.extensions
        skippedSchemas = options.omissions.schemas
    }
}
