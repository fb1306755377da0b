import Catalog
import Postgres

/// Reads large objects for a comparison: by descriptor and by page, unlike the copier.
struct LargeObjectReader: Sendable {
    /// The content of a large object.
    struct Content: Decodable, Equatable {
        let oid: UInt32
        let bytes: Int
        /// The hash of its pages' hashes.
        let hash: String
    }

    /// The large objects of one side.
    struct Side {
        let objects: [UInt32: LargeObject]
        let contents: [UInt32: Content]
    }

    /// `INV_READ` (PostgreSQL manual, Large Objects, Client Interfaces).
    private static let toRead = 262_144

    private let pageSize: Int
    private let hash: @Sendable (SQL) -> SQL

    /// Reads what two servers compute alike: SHA-256 of pages of 256 kB.
    static let compared = LargeObjectReader(pageSize: 256 << 10) { page in
        """
        pg_catalog.encode(pg_catalog.sha256(pg_catalog.string_agg(
            pg_catalog.sha256(\(page)), '' ORDER BY n.start)), 'hex')
        """
    }

    /// Reads what an archive records: MD5 of pages of 1 MB (docs/ARCHIVE_FORMAT.md).
    static let recorded = LargeObjectReader(pageSize: 1 << 20) { page in
        "pg_catalog.md5(pg_catalog.string_agg(pg_catalog.md5(\(page)), '' ORDER BY n.start))"
    }

    private init(pageSize: Int, hash: @escaping @Sendable (SQL) -> SQL) {
        self.pageSize = pageSize
        self.hash = hash
    }

    /// Reads a range.
    ///
    /// - Parameters:
    ///   - range: The range.
    ///   - connection: A connection, in the snapshot to compare.
    ///   - refused: Called with the error if the server refuses to read them; the transaction is usable afterwards.
    /// - Returns: The large objects; nil if the server refused.
    /// - Throws: ``PostgresError``.
    func read(
        _ range: LargeObjectRange,
        on connection: Connection,
        refused: (PostgresError) -> Void
    ) throws -> Side? {
        let objects = try connection.query(LargeObject.self, LargeObject.query(range))
        try connection.execute("SAVEPOINT large_objects")
        do {
            let contents = try connection.query(Content.self, contents(of: range))
            try connection.execute("RELEASE SAVEPOINT large_objects")
            return Side(
                objects: Dictionary(uniqueKeysWithValues: objects.map { ($0.oid, $0) }),
                contents: Dictionary(uniqueKeysWithValues: contents.map { ($0.oid, $0) })
            )
        } catch let error as PostgresError where error.isRefusal {
            try connection.execute("ROLLBACK TO SAVEPOINT large_objects")
            refused(error)
            return nil
        }
    }

    private func contents(of range: LargeObjectRange) -> SQL {
        let page: SQL = "pg_catalog.lo_get(s.oid, n.start, \(pageSize))"
        return """
            SELECT s.oid::bigint AS oid, s.size AS bytes,
                   (SELECT \(hash(page))
                    FROM pg_catalog.generate_series(0::bigint, s.size, \(pageSize)) AS n(start)) AS hash
            FROM (SELECT o.oid, pg_catalog.lo_lseek64(o.descriptor, 0, 2) + pg_catalog.lo_close(o.descriptor) AS size
                  FROM (SELECT m.oid, pg_catalog.lo_open(m.oid, \(Self.toRead)) AS descriptor
                        FROM pg_catalog.pg_largeobject_metadata m WHERE \(range.condition) OFFSET 0) o OFFSET 0) s
            """
    }
}
