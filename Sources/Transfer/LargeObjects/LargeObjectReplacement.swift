import Catalog
import Ledger
import Planning
import Postgres

/// Replaces large objects on the target, within its open transaction.
///
/// Their pages are staged in a temporary table, from which one statement writes them all.
struct LargeObjectReplacement {
    /// The table that takes pages by COPY: object, page number, content.
    static let staging: SQL = "pg_temp.large_object_page (oid, number, data)"

    private let target: Connection
    private let ledger: Ledger?
    private let attributes: LargeObjectAttributes

    /// - Parameters:
    ///   - target: A connection to the target.
    ///   - ledger: The ledger on the same connection, which knows whose objects are removed; nil: the target has none.
    ///   - attributes: What is set besides content and comment.
    init(on target: Connection, _ ledger: Ledger?, _ attributes: LargeObjectAttributes) {
        self.target = target
        self.ledger = ledger
        self.attributes = attributes
    }

    /// Removes large objects and creates others.
    ///
    /// - Parameters:
    ///   - removed: The oids of those to remove.
    ///   - created: Those to create; if they exist, they must be among the removed ones.
    ///   - content: Stages their pages by COPY, and writes each batch with ``writeStagedPages()``.
    /// - Throws: ``LedgerError`` if others have created or altered one of those to remove; ``PostgresError``, and what `content`
    ///   throws.
    func replace(removing removed: [UInt32], creating created: [LargeObject], content: () throws -> Void) throws {
        if let own = ledger.map({ OwnRows($0) }), !removed.isEmpty {
            let oids = removed.map { "\($0)::oid" as SQL }.joined(separator: ", ")
            let table: SQL = "pg_catalog.pg_largeobject_metadata AS t WHERE t.oid IN (\(oids))"
            try own.refuseOthers(
                try target.queryOne(own.countOthers(in: table)),
                of: QualifiedName(schema: "pg_catalog", name: "pg_largeobject_metadata")
            )
        }
        for oid in removed.sorted() { try target.execute("SELECT pg_catalog.lo_unlink(\(oid)::oid)") }
        guard !created.isEmpty else { return }
        for object in created { try target.execute("SELECT pg_catalog.lo_create(\(object.oid)::oid)") }
        try target.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS large_object_page (oid oid, number bigint, data bytea) ON COMMIT DROP"
        )
        try content()
        for object in created { try dress(object) }
    }

    /// Writes the staged pages to their large objects.
    ///
    /// - Throws: ``PostgresError``.
    func writeStagedPages() throws {
        try target.execute(
            """
            SELECT pg_catalog.lo_put(p.oid, p.number * \(LargeObjectContents.pageSize), p.data)
            FROM pg_temp.large_object_page p WHERE pg_catalog.length(p.data) > 0
            """
        )
        try target.execute("TRUNCATE pg_temp.large_object_page")
    }

    /// Sets comment, rights and owner; the owner comes last, because the role could not grant rights after that.
    private func dress(_ object: LargeObject) throws {
        let name: SQL = "LARGE OBJECT \(object.oid)"
        if let comment = object.comment {
            try target.execute("COMMENT ON \(name) IS \(literal: comment)")
        }
        if attributes.contains(.grants), let grants = object.grants {
            try target.execute("REVOKE ALL ON \(name) FROM CURRENT_USER")
            for grant in grants {
                let role: SQL = grant.isOwner ? "CURRENT_USER" : grant.role.map { "\(Identifier($0))" } ?? "PUBLIC"
                let option: SQL = grant.isGrantable ? " WITH GRANT OPTION" : ""
                try target.execute("GRANT \(SQL(trusted: grant.privilege)) ON \(name) TO \(role)\(option)")
            }
        }
        if attributes.contains(.owner) {
            try target.execute("ALTER \(name) OWNER TO \(Identifier(object.owner))")
        }
    }
}
