package import Catalog
import Postgres

extension Ledger {
    /// Keeps the entries that made the target's definitions, in the place of what was kept of the same objects.
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

    /// Keeps what the source's catalog is now.
    ///
    /// - Parameters:
    ///   - catalog: The catalog.
    ///   - withLabels: Whether the labels of enums are the source's too; else they stay those the target was made like.
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

    /// Keeps the labels of enums the target has been made like, in the transaction that did it.
    package func keep(_ enumerations: [Enumeration]) throws {
        try connection.execute(
            "UPDATE tidemark.catalog SET enumerations = \(value: try Self.json(enumerations))::jsonb"
        )
    }

    /// The labels of enums the target was made like.
    package func enumerations() throws -> [Enumeration] {
        struct Kept: Decodable { let enumerations: [Enumeration] }
        return try connection.query(Kept.self, "SELECT enumerations FROM tidemark.catalog")
            .first?.enumerations ?? []
    }

    /// What the source's catalog was when it was last read, and when that was; nil before the first time.
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

    /// Forgets entries the target has no more.
    package func forget(_ definitions: [DefinitionEntry]) throws {
        for entry in definitions {
            try connection.execute("DELETE FROM tidemark.definition WHERE identity = \(value: entry.identity)")
        }
    }

    /// The entries that made the target's definitions.
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
