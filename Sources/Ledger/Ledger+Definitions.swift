package import Catalog
package import Postgres

extension Ledger {
    /// Stores the entries that created the target's definitions, replacing earlier ones of the same objects.
    package func keep(_ definitions: [DefinitionEntry]) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.definition (identity, kind, schema_name, object_name, statement)
            SELECT e->>'identity', e->>'kind', e->>'schema', e->>'name', e->>'statement'
            FROM pg_catalog.jsonb_array_elements(\(value: try Self.json(definitions))::jsonb) AS e
            ON CONFLICT (identity) DO UPDATE
            SET kind = excluded.kind, schema_name = excluded.schema_name, object_name = excluded.object_name,
                statement = excluded.statement
            """
        )
    }

    /// Stores the file with the source's definitions.
    ///
    /// - Parameters:
    ///   - file: The file, in base64.
    ///   - mark: A mark of the source's catalogs from before it was written.
    ///   - request: What else the file depends on.
    /// - Throws: ``PostgresError``.
    package func keepDefinitionFile(_ file: String, at mark: DefinitionsMark, request: String) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.definition_file (request, mark, content)
            VALUES (\(value: request), \(value: try Self.json(mark))::jsonb, pg_catalog.decode(\(value: file), 'base64'))
            ON CONFLICT (is_only) DO UPDATE
            SET request = excluded.request, mark = excluded.mark, content = excluded.content
            """
        )
    }

    /// The mark of the stored file with the source's definitions; nil if there is none for this request.
    package func markOfDefinitionFile(request: String) throws -> DefinitionsMark? {
        struct Kept: Decodable { let mark: DefinitionsMark }
        return try connection.query(
            Kept.self,
            "SELECT mark FROM tidemark.definition_file WHERE request = \(value: request)"
        ).first?.mark
    }

    /// The stored file with the source's definitions, in base64.
    package func definitionFile() throws -> String {
        try connection.queryOne("SELECT pg_catalog.encode(content, 'base64') AS file FROM tidemark.definition_file")
            .word("file")
    }

    /// Stores the source's current catalog.
    ///
    /// - Parameters:
    ///   - catalog: The catalog.
    ///   - withLabels: Whether to store the source's enum labels too; otherwise the labels the target has remain stored.
    /// - Throws: ``PostgresError``.
    package func keep(_ catalog: DatabaseCatalog, withLabels: Bool) throws {
        let labels: SQL = withLabels ? "excluded" : "tidemark.catalog"
        try connection.execute(
            """
            INSERT INTO tidemark.catalog (content, enumerations)
            VALUES (\(value: try Self.json(catalog))::json, \(value: try Self.json(catalog.enumerations))::jsonb)
            ON CONFLICT (is_only) DO UPDATE
            SET content = excluded.content, enumerations = \(labels).enumerations, read_at = excluded.read_at
            """
        )
    }

    /// Stores the enum labels the target now has, in the transaction that changed them.
    package func keep(_ enumerations: [Enumeration]) throws {
        try connection.execute(
            "UPDATE tidemark.catalog SET enumerations = \(value: try Self.json(enumerations))::jsonb"
        )
    }

    /// The enum labels the target has.
    package func enumerations() throws -> [Enumeration] {
        struct Kept: Decodable { let enumerations: [Enumeration] }
        return try connection.query(Kept.self, "SELECT enumerations FROM tidemark.catalog")
            .first?.enumerations ?? []
    }

    /// The source's catalog when it was last read, and the time; nil if it was never read.
    package func catalog() throws -> (catalog: DatabaseCatalog, readAt: String)? {
        struct Kept: Decodable {
            let content: DatabaseCatalog
            let readAt: String
        }
        return try connection.query(
            Kept.self,
            "SELECT content, pg_catalog.to_char(read_at, 'YYYY-MM-DD HH24:MI:SS \"UTC\"') AS read_at FROM tidemark.catalog"
        ).first.map { ($0.content, $0.readAt) }
    }

    /// Deletes entries of objects the target no longer has.
    package func forget(_ definitions: [DefinitionEntry]) throws {
        for entry in definitions {
            try connection.execute("DELETE FROM tidemark.definition WHERE identity = \(value: entry.identity)")
        }
    }

    /// The schemas in which definitions were created.
    ///
    /// - Returns: Their names.
    /// - Throws: ``PostgresError``.
    package func definedSchemas() throws -> Set<ServerText> {
        Set(
            try connection.query("SELECT DISTINCT schema_name FROM tidemark.definition WHERE kind <> 'SCHEMA'").map {
                try $0.text("schema_name")
            }
        )
    }

    /// The entries that created the target's definitions.
    package func definitions() throws -> [DefinitionEntry] {
        try connection.query(
            DefinitionEntry.self,
            """
            SELECT identity, kind, schema_name AS schema, object_name AS name, statement, '' AS line
            FROM tidemark.definition
            """
        )
    }
}
