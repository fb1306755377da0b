package import Archive
import Catalog
package import Planning
package import Postgres

/// Compares the target's large objects with what an archive recorded of the source's.
package struct RecordedLargeObjects {
    /// The page size of the manifest's hashes (docs/ARCHIVE_FORMAT.md).
    private static let pageSize = 1 << 20
    /// `INV_READ` (PostgreSQL manual, Large Objects, Client Interfaces).
    private static let toRead = 262_144

    private struct Content: Decodable {
        let oid: UInt32
        let bytes: Int
        let hash: String
    }

    private let manifest: Manifest
    private let scope: Scope

    package init(_ manifest: Manifest, scope: Scope) {
        self.manifest = manifest
        self.scope = scope
    }

    /// Compares the large objects.
    ///
    /// - Parameter target: A connection in the snapshot in which the target is verified.
    /// - Returns: What differs.
    /// - Throws: ``PostgresError``.
    package func compare(on target: Connection) throws -> VerificationResult {
        var result = VerificationResult(method: "md5 of large objects, as the archive recorded them")
        let everything = LargeObjectRange(lower: nil, upper: nil)
        let objects = try target.query(LargeObject.self, LargeObject.query(everything))
        let contents = try target.query(Content.self, Self.contents)
        let byOid = Dictionary(keepingFirst: contents.map { ($0.oid, $0) })
        let there = Dictionary(keepingFirst: objects.map { ($0.oid, $0) })
        for entry in manifest.largeObjects {
            compare(
                entry,
                with: there[entry.object.oid],
                content: byOid[entry.object.oid],
                into: &result
            )
        }
        let recorded = Set(manifest.largeObjects.map(\.object.oid))
        for oid in there.keys.sorted() where !recorded.contains(oid) {
            result.findings.append(
                Finding(
                    "large object",
                    object: "\(oid)",
                    problem: .extra,
                    severity: .hurts,
                    "the source had no such large object"
                )
            )
        }
        result.examined = [.init(kind: "large object", source: manifest.largeObjects.count, target: objects.count)]
        return result
    }

    private func compare(
        _ entry: Manifest.LargeObjectEntry,
        with there: LargeObject?,
        content: Content?,
        into result: inout VerificationResult
    ) {
        func add(_ problem: Finding.Problem, severity: Finding.Severity, _ message: String) {
            result.findings.append(
                Finding("large object", object: "\(entry.object.oid)", problem: problem, severity: severity, message)
            )
        }
        guard let there else { return add(.missing, severity: .stops, "the large object is missing on the target") }
        if content?.bytes != entry.bytes || content?.hash != entry.hash {
            add("content", severity: .stops, "its content differs")
        }
        if !scope.omits(.owners), there.owner != entry.object.owner {
            add("owner", severity: .hurts, "it belongs to another role")
        }
        if !scope.omits(.privileges), !entry.object.givesSameRights(as: there) {
            add("privileges", severity: .hurts, "its privileges differ")
        }
        if there.comment != entry.object.comment { add("comment", severity: .note, "its comment differs") }
    }

    private static let contents: SQL = """
        SELECT s.oid::bigint AS oid, s.size AS bytes,
               (SELECT pg_catalog.md5(pg_catalog.string_agg(
                           pg_catalog.md5(pg_catalog.lo_get(s.oid, n.start, \(pageSize))), '' ORDER BY n.start))
                FROM pg_catalog.generate_series(0::bigint, s.size, \(pageSize)) AS n(start)) AS hash
        FROM (SELECT o.oid, pg_catalog.lo_lseek64(o.descriptor, 0, 2) + pg_catalog.lo_close(o.descriptor) AS size
              FROM (SELECT m.oid, pg_catalog.lo_open(m.oid, \(toRead)) AS descriptor
                    FROM pg_catalog.pg_largeobject_metadata m OFFSET 0) o OFFSET 0) s
        """
}
