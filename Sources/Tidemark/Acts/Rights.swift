import Catalog
import Postgres
import Rebuild

/// The privileges to be granted on the target.
struct Rights: Sendable {
    let definitions: Definitions
    let entries: [DefinitionEntry]

    /// Returns the script for the privileges on some tables, or on everything else.
    func script(onTables tables: Set<QualifiedName>, elsewhere: Bool) async throws -> SQL {
        try await definitions.script(of: entries.filter { ($0.subject.map(tables.contains) ?? false) != elsewhere })
    }
}
