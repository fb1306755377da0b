import Catalog
import Postgres

/// A server's large objects in a range: their attributes, size, and a hash of the content.
enum LargeObjectContents {
    /// The page size for reading, sending and writing, in bytes.
    static let pageSize = 1 << 20

    struct Content: Decodable, Hashable {
        let oid: UInt32
        let bytes: Int
        let hash: String
    }

    struct Found {
        let object: LargeObject
        let content: Content
    }

    /// Reads page after page until one is not full, because no function returns an object's size.
    static func read(_ range: LargeObjectRange, on connection: Connection) throws -> [UInt32: Found] {
        let objects = try connection.query(LargeObject.self, LargeObject.query(range))
        guard !objects.isEmpty else { return [:] }
        let contents = try connection.query(
            Content.self,
            """
            WITH RECURSIVE page (oid, number, length, hash) AS (
                SELECT m.oid, 0::bigint, pg_catalog.length(d.data), pg_catalog.md5(d.data)
                FROM pg_catalog.pg_largeobject_metadata m
                CROSS JOIN LATERAL (SELECT pg_catalog.lo_get(m.oid, 0, \(pageSize)) AS data OFFSET 0) d
                WHERE \(range.condition)
                UNION ALL
                SELECT p.oid, p.number + 1, pg_catalog.length(d.data), pg_catalog.md5(d.data)
                FROM page p
                CROSS JOIN LATERAL (
                    SELECT pg_catalog.lo_get(p.oid, (p.number + 1) * \(pageSize), \(pageSize)) AS data OFFSET 0
                ) d
                WHERE p.length = \(pageSize))
            SELECT p.oid::bigint AS oid, sum(p.length) AS bytes,
                   pg_catalog.md5(pg_catalog.string_agg(p.hash, '' ORDER BY p.number)) AS hash
            FROM page p GROUP BY p.oid
            """
        )
        let byOid = Dictionary(uniqueKeysWithValues: contents.map { ($0.oid, $0) })
        return Dictionary(
            uniqueKeysWithValues: objects.compactMap { object in
                byOid[object.oid].map { (object.oid, Found(object: object, content: $0)) }
            }
        )
    }
}

extension LargeObjectAttributes {
    /// Whether two large objects have the same comment and the same copied attributes.
    func areEqual(_ ours: LargeObject, _ theirs: LargeObject) -> Bool {
        ours.comment == theirs.comment && (!contains(.owner) || ours.owner == theirs.owner)
            && (!contains(.grants) || ours.givesSameRights(as: theirs))
    }
}
