package import Postgres

/// A large object without its content: who owns it, who may use it, what is said about it.
package struct LargeObject: Sendable, Hashable, Codable {
    /// One right; the grantor is always taken to be the owner.
    package struct Grant: Sendable, Hashable, Codable {
        /// Whether the owner is meant, whatever the owner is called on the other side.
        package let isOwner: Bool
        /// The role; nil stands for PUBLIC.
        package let role: ServerText?
        package let privilege: String
        package let isGrantable: Bool
    }

    /// What applications know it by; it must be the same on both sides.
    package let oid: UInt32
    package let owner: ServerText
    /// nil: nobody has ever granted or revoked anything.
    package let grants: [Grant]?
    package let comment: ServerText?

    /// Whether another one gives the same rights, whoever owns either of them.
    ///
    /// An owner needs no grant: where the owners differ, the other one's must have at least what ours has and what we grant
    /// to that role, and all others exactly the same.
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

    /// Those of one range, with what is asked for beside.
    ///
    /// - Parameter range: Which.
    /// - Returns: A query ordered by oid.
    package static func query(_ range: LargeObjectRange) -> SQL {
        "\(CatalogQuery.largeObjects) WHERE \(range.condition) ORDER BY m.oid"
    }
}

/// A contiguous range of large objects, by oid; a bound that is nil is no bound.
package struct LargeObjectRange: Sendable, Hashable, CustomStringConvertible {
    /// Few enough that a transaction stays short, whatever each of them holds.
    private static let size = 200

    package let lower: UInt32?
    package let upper: UInt32?

    package init(lower: UInt32?, upper: UInt32?) {
        self.lower = lower
        self.upper = upper
    }

    /// As WHERE takes it, over `pg_largeobject_metadata m`.
    package var condition: SQL {
        let bounds = [lower.map { "m.oid >= \($0)" as SQL }, upper.map { "m.oid < \($0)" as SQL }].compactMap(\.self)
        return bounds.isEmpty ? "true" : bounds.joined(separator: " AND ")
    }

    package var description: String { "large objects \(lower.map { "\($0)" } ?? "")..<\(upper.map { "\($0)" } ?? "")" }

    /// Cuts some, and all there could be between them, into ranges.
    ///
    /// - Parameter oids: Those that decide over the cuts, ascending.
    /// - Returns: Ranges that leave nothing out.
    package static func all(of oids: [UInt32]) -> [LargeObjectRange] {
        let cuts = stride(from: size, to: oids.count, by: size).map { oids[$0] }
        let bounds = [nil] + cuts.map(Optional.some) + [nil]
        return zip(bounds, bounds.dropFirst()).map { LargeObjectRange(lower: $0, upper: $1) }
    }

    /// Cuts all there are, and all there could be, into ranges.
    ///
    /// - Parameter connection: The database whose large objects decide over the cuts.
    /// - Returns: Ranges that leave nothing out; none where there is nothing.
    /// - Throws: ``PostgresError``.
    package static func all(of connection: Connection) throws -> [LargeObjectRange] {
        let cuts = try connection.query(
            """
            SELECT n.oid FROM (SELECT m.oid, pg_catalog.row_number() OVER (ORDER BY m.oid) AS position
                               FROM pg_catalog.pg_largeobject_metadata m) n
            WHERE n.position % \(size) = 0 ORDER BY n.oid
            """
        ).map { UInt32(try $0.integer("oid")) }
        let bounds = [nil] + cuts.map(Optional.some) + [nil]
        return zip(bounds, bounds.dropFirst()).map { LargeObjectRange(lower: $0, upper: $1) }
    }
}
