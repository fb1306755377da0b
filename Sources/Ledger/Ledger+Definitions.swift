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
