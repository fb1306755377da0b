package import Postgres

/// A large object without its content: its owner, rights and comment.
package struct LargeObject: Sendable, Hashable, Codable {
    /// One right; the grantor is assumed to be the owner.
    package struct Grant: Sendable, Hashable, Codable {
        /// Whether the grantee is the owner, which may be a different role on the other side.
        package let isOwner: Bool
        /// The role; nil means PUBLIC.
        package let role: ServerText?
        package let privilege: String
        package let isGrantable: Bool
    }

    /// The id applications refer to it by; it must be the same on both sides.
    package let oid: UInt32
    package let owner: ServerText
    /// The rights; nil if nothing was ever granted or revoked.
    package let grants: [Grant]?
    package let comment: ServerText?

    /// Whether another large object gives the same rights, regardless of the owners.
    ///
    /// An owner needs no grant. If the owners differ, the other owner must have at least the rights of our owner and those
    /// we grant to that role. All other roles must have exactly the same rights.
    package func givesSameRights(as other: LargeObject) -> Bool {
        guard owner != other.owner else { return grants == other.grants }
        let granted = Set((grants ?? []).filter { $0.role == other.owner }.map(\.privilege))
        return rights(besides: other.owner) == other.rights(besides: owner)
            && ofOwner.union(granted).isSubset(of: other.ofOwner)
    }

    private func rights(besides role: ServerText) -> Set<Grant> {
        Set((grants ?? []).filter { !$0.isOwner && $0.role != role })
    }

    private var ofOwner: Set<String> {
        grants.map { Set($0.filter(\.isOwner).map(\.privilege)) } ?? ["SELECT", "UPDATE"]
    }

    /// The query for the large objects of one range.
    ///
    /// - Parameter range: The range.
    /// - Returns: A query ordered by oid.
    package static func query(_ range: LargeObjectRange) -> SQL {
        "\(CatalogQuery.largeObjects) WHERE \(range.condition) ORDER BY m.oid"
    }
}

/// A contiguous range of large objects, by oid; a nil bound means unbounded.
package struct LargeObjectRange: Sendable, Hashable, CustomStringConvertible {
    /// The number of objects per range, small enough to keep transactions short even if objects are large.
    private static let size = 200

    package let lower: UInt32?
    package let upper: UInt32?

    package init(lower: UInt32?, upper: UInt32?) {
        self.lower = lower
        self.upper = upper
    }

    /// The range as a WHERE condition on `pg_largeobject_metadata m`.
    package var condition: SQL {
        let bounds = [lower.map { "m.oid >= \($0)" as SQL }, upper.map { "m.oid < \($0)" as SQL }].compactMap(\.self)
        return bounds.isEmpty ? "true" : bounds.joined(separator: " AND ")
    }

    package var description: String { "large objects \(lower.map { "\($0)" } ?? "")..<\(upper.map { "\($0)" } ?? "")" }

    /// Cuts the space of all oids into ranges by the oids of some large objects.
    ///
    /// - Parameter oids: The oids that decide the cuts, ascending.
    /// - Returns: Ranges that together cover every oid.
    package static func all(of oids: [UInt32]) -> [LargeObjectRange] {
        let cuts = stride(from: size, to: oids.count, by: size).map { oids[$0] }
        return cut(at: cuts)
    }

    private static func cut(at cuts: [UInt32]) -> [LargeObjectRange] {
        let bounds = [nil] + cuts.map(Optional.some) + [nil]
        return zip(bounds, bounds.dropFirst()).map { LargeObjectRange(lower: $0, upper: $1) }
    }

    /// Cuts the space of all oids into ranges by the large objects of a database.
    ///
    /// - Parameter connection: The database whose large objects decide the cuts.
    /// - Returns: Ranges that together cover every oid; a single one if the database has few large objects.
    /// - Throws: ``PostgresError``.
    package static func all(of connection: Connection) throws -> [LargeObjectRange] {
        let cuts = try connection.query(
            """
            SELECT n.oid FROM (SELECT m.oid, pg_catalog.row_number() OVER (ORDER BY m.oid) AS position
                               FROM pg_catalog.pg_largeobject_metadata m) n
            WHERE n.position % \(size) = 0 ORDER BY n.oid
            """
        ).map { UInt32(try $0.integer("oid")) }
        return cut(at: cuts)
    }
}
