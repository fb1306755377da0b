import Archive
import Catalog
import Planning
import Postgres
import Rebuild
import Verification

/// What was read from the catalog of one side.
struct VerifiedSide: Sendable {
    let catalog: DatabaseCatalog
    let positions: [QualifiedName: SequencePosition]
    let largeObjects: [LargeObjectRange]
    let objects: [CatalogObject]
    let facts: ReadinessFacts
    /// Objects that may have existed on the target before.
    let standing: StandingObjects

    /// Takes what an archive recorded about the source; large objects are compared separately.
    init(_ generation: ArchiveDirectory.Generation, _ recorded: ArchivedCatalog, in scope: Scope) {
        catalog = scope.applied(to: recorded.catalog)
        largeObjects = []
        objects = recorded.objects
        facts = recorded.facts
        standing = .none
        positions = Dictionary(keepingFirst: generation.manifest.sequences.map { ($0.qualifiedName, $0.position) })
    }

    /// Reads the catalog of a database.
    ///
    /// - Parameters:
    ///   - connection: A connection with an open transaction.
    ///   - scope: What was to be copied.
    ///   - positions: The positions of sequences to take instead of those of now.
    /// - Throws: ``PostgresError``.
    init(
        of connection: Connection,
        in scope: Scope,
        positions: [QualifiedName: SequencePosition]? = nil
    ) throws {
        let queries =
            DatabaseCatalog.queries + CatalogObject.queries + [CatalogQuery.readiness, CatalogQuery.standingObjects]
        (catalog, objects, facts, standing) = try connection.readingAhead(queries) {
            try (
                scope.applied(to: DatabaseCatalog(inTransactionOf: connection)), CatalogObject.all(of: connection),
                ReadinessFacts(of: connection), StandingObjects(of: connection)
            )
        }
        largeObjects = try LargeObjectRange.all(of: connection)
        self.positions =
            try positions ?? SequenceSetter.positions(of: catalog.sequences.map(\.qualifiedName), on: connection)
    }

    func sequences(in scope: Scope) -> SequenceComparison.Side {
        SequenceComparison.Side(definitions: catalog.sequences(in: scope), positions: positions)
    }
}
