package import Catalog
import Postgres

/// Large objects on the way back: they are compared, and those that differ are replaced.
package struct LargeObjectReturn {
    private let lane: Lane
    private let attributes: LargeObjectAttributes
    private let areShared: Bool
    private let progress: TransferProgress

    /// - Parameters:
    ///   - lane: The connections; the target's is in the transaction in which everything is copied back.
    ///   - attributes: What is compared besides content and comment.
    ///   - areShared: Whether others go on using the old source, because the run has moved only some rows: then objects are
    ///     only added, because nothing shows to which rows an object belongs.
    ///   - progress: Counts what is done.
    package init(lane: Lane, attributes: LargeObjectAttributes, areShared: Bool, progress: TransferProgress) {
        self.lane = lane
        self.attributes = attributes
        self.areShared = areShared
        self.progress = progress
    }

    /// What others have done to the old source's large objects.
    package struct Writes: Sendable {
        /// How many were created or written since the old source was left.
        package let objects: Int
        /// Whether all that was written is seen: only who may read `pg_largeobject` sees it, usually a superuser.
        package let seesAll: Bool
    }

    /// Looks for large objects that others have written on the old source since it was left.
    ///
    /// Another owner or other rights of an object that the new database has as well do not count.
    ///
    /// - Parameters:
    ///   - lane: A lane whose source reads the snapshot.
    ///   - base: How the old source was left.
    /// - Returns: What can be seen.
    /// - Throws: ``PostgresError``.
    package static func foreignWrites(on lane: Lane, since base: ReturnBase) throws -> Writes {
        let old = lane.target
        let looks = try old.queryOne(
            """
            SELECT pg_catalog.has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS sees_content,
                   EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS has_any
            """
        )
        let seesContent = try looks.boolean("sees_content")
        func oids(_ connection: Connection, _ query: SQL) throws -> Set<Int> {
            Set(try connection.query(query).map { try $0.integer("oid") })
        }
        var written = try oids(
            old,
            "SELECT oid::bigint AS oid FROM pg_catalog.pg_largeobject_metadata WHERE \(base.isLater)"
        )
        if !written.isEmpty {
            let list = written.sorted().map { "\($0)::oid" as SQL }.joined(separator: ", ")
            written.subtract(
                try oids(
                    lane.source,
                    "SELECT oid::bigint AS oid FROM pg_catalog.pg_largeobject_metadata WHERE oid IN (\(list))"
                )
            )
        }
        if seesContent {
            written.formUnion(
                try oids(
                    old,
                    "SELECT DISTINCT loid::bigint AS oid FROM pg_catalog.pg_largeobject WHERE \(base.isLater)"
                )
            )
        }
        return Writes(objects: written.count, seesAll: try seesContent || !looks.boolean("has_any"))
    }

    /// Makes a range of the old source's large objects equal to the snapshot's.
    ///
    /// - Parameter range: The range.
    /// - Throws: ``LedgerError`` if one of others would have to be replaced; ``PostgresError``.
    package func copyBack(_ range: LargeObjectRange) throws {
        let outcome = try during("copying back \(range)") {
            try LargeObjectCopier(
                lane: lane,
                ledger: nil,
                attributes: attributes,
                onlyAdds: areShared,
                addBytes: progress.addBytes
            ).copy(range)
        }
        progress.finishLargeObjects(copied: outcome.copied, removed: outcome.removed)
    }
}
