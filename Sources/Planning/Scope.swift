package import Catalog
package import Postgres

/// What belongs to a run: all of the source, except tables that are excluded and kinds of objects that are left out.
package struct Scope: Sendable {
    /// Tables that are left out, with their definitions.
    package let excluded: Set<QualifiedName>
    /// Kinds of objects that are left out.
    package let omissions: Set<Omission>

    /// The whole source.
    package static let everything = Scope()

    package init(excluding excluded: Set<QualifiedName> = [], omitting omissions: Set<Omission> = []) {
        self.excluded = excluded
        self.omissions = omissions
    }

    /// Whether a table belongs to the run.
    package func contains(_ table: QualifiedName) -> Bool { !excluded.contains(table) }

    /// Whether a kind of objects is left out.
    package func omits(_ omission: Omission) -> Bool { omissions.contains(omission) }

    /// Returns what of a database is compared.
    ///
    /// - Parameter catalog: All of it.
    /// - Returns: The same, without places where tablespaces are left out.
    package func applied(to catalog: DatabaseCatalog) -> DatabaseCatalog {
        omits(.tablespaces) ? catalog.withoutTablespaces : catalog
    }
}
