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
    package func keep(_ catalog: DatabaseCatalog) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.catalog (content) VALUES (\(value: try Self.json(catalog))::jsonb)
            ON CONFLICT (is_only) DO UPDATE SET content = excluded.content, read_at = excluded.read_at
            """
        )
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
