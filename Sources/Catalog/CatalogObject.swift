package import Postgres

/// One object of a database, described by attributes so that it can be compared with its counterpart.
///
/// The queries of the proof, one file for each kind of object, all return the same columns. They share nothing with the
/// queries used for copying and building.
package struct CatalogObject: Sendable, Equatable, Codable {
    /// One of ``kinds``.
    package let kind: ObjectKind
    /// Its full name, quoted where SQL requires it.
    package let object: ServerText
    /// The table it is or belongs to.
    package let table: QualifiedName?
    /// The schema it is in, or that it is about; nil if there is none, and in older archives.
    package let schema: ServerText?
    /// The extension that it is or is about; nil for anything else, and in older archives.
    package let ofExtension: ServerText?
    /// The attributes that decide how it works, without those that are not set.
    package let attributes: NamedTexts
    /// For some attributes, the SQL that changes the other side to match this one.
    package let statements: NamedTexts
    /// The SQL that creates it, if that is a single statement.
    package let creation: ServerText?
    /// The SQL that drops it.
    package let removal: ServerText?

    package init(
        kind: ObjectKind,
        object: ServerText,
        table: QualifiedName?,
        schema: ServerText? = nil,
        ofExtension: ServerText? = nil,
        attributes: NamedTexts,
        statements: NamedTexts = [:],
        creation: ServerText? = nil,
        removal: ServerText? = nil
    ) {
        self.kind = kind
        self.object = object
        self.table = table
        self.schema = schema
        self.ofExtension = ofExtension
        self.attributes = attributes
        self.statements = statements
        self.creation = creation
        self.removal = removal
    }

    /// Reads all objects of a database except those of extensions, the system and the ledger.
    ///
    /// - Parameter connection: A connection to the database, with an open transaction.
    /// - Returns: The objects, in no particular order.
    /// - Throws: ``PostgresError``.
    package static func all(of connection: Connection) throws -> [CatalogObject] {
        try queries.flatMap { query in try connection.query(Answer.self, query).map(\.asObject) }
    }

    /// The queries of all objects, in the order in which they are read.
    package static let queries = CatalogQuery.compared.map(own)

    /// A query that returns only the rows of objects made by the database's users.
    private static func own(_ query: SQL) -> SQL {
        """
        SELECT q.class AS kind, q.object, tn.nspname AS table_schema, t.relname AS table_name,
               CASE WHEN q.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                    THEN (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = q.objid)
                    -- pg_identify_object quotes its parts.
                    WHEN q.class IN ('owner', 'privileges', 'comment', 'security label')
                    THEN (pg_catalog.parse_ident(q.schema))[1]
                    ELSE q.schema::pg_catalog.text END AS schema,
               CASE WHEN q.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass
                    THEN (SELECT e.extname FROM pg_catalog.pg_extension e WHERE e.oid = q.objid) END AS of_extension,
               coalesce(pg_catalog.json_strip_nulls(q.attributes)::text, '{}') AS attributes,
               coalesce(pg_catalog.json_strip_nulls(q.statements)::text, '{}') AS statements, q.creation, q.removal
        FROM (\(query)) q
        LEFT JOIN pg_catalog.pg_class t ON t.oid = q.table_oid
        LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
        WHERE (q.schema IS NULL OR q.schema NOT IN ('pg_catalog', 'information_schema', 'tidemark')
                                   AND q.schema !~ '^pg_(toast|temp)')
          AND (tn.nspname IS NULL OR tn.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark')
                                     AND tn.nspname !~ '^pg_(toast|temp)')
          -- Owners, privileges and comments of a schema itself have no value in the column schema.
          AND NOT (q.class IN ('schema', 'owner', 'privileges', 'comment')
                   AND q.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                   AND (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = q.objid) ~ '^(pg_|tidemark$)')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                          WHERE x.classid = q.classid AND x.objid = q.objid AND x.deptype = 'e')
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                          WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = q.table_oid
                            AND x.deptype = 'e')
        """
    }

    private struct Answer: Codable {
        let kind: ObjectKind
        let object: ServerText
        let tableSchema: ServerText?
        let tableName: ServerText?
        let schema: ServerText?
        let ofExtension: ServerText?
        let attributes: ServerText
        let statements: ServerText
        let creation: ServerText?
        let removal: ServerText?

        var asObject: CatalogObject {
            CatalogObject(
                kind: kind,
                object: object,
                table: tableSchema.flatMap { schema in tableName.map { QualifiedName(schema: schema, name: $0) } },
                schema: schema,
                ofExtension: ofExtension,
                attributes: NamedTexts(document: attributes),
                statements: NamedTexts(document: statements),
                creation: creation,
                removal: removal
            )
        }
    }
}
