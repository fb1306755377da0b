package import Catalog
package import Postgres

extension Connection {
    /// Whether an object of an entry's kind and name exists; false for kinds that have no lookup.
    package func has(_ entry: DefinitionEntry) throws -> Bool {
        guard let lookup = Self.lookup(of: entry) else { return false }
        return try queryOne("SELECT \(lookup) AS is_there").boolean("is_there")
    }

    /// Whether a table, view, index or sequence of that name exists.
    func isThere(_ name: QualifiedName) throws -> Bool {
        try queryOne("SELECT pg_catalog.to_regclass(\(value: name.quoted)) IS NOT NULL AS is_there").boolean("is_there")
    }

    private static func lookup(of entry: DefinitionEntry) -> SQL? {
        let name = entry.schema == "-" ? Identifier(entry.name).quoted : entry.qualifiedName.quoted
        switch entry.kind {
        case "TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FOREIGN TABLE":
            return "pg_catalog.to_regclass(\(value: name)) IS NOT NULL"
        case "TYPE", "DOMAIN": return "pg_catalog.to_regtype(\(value: name)) IS NOT NULL"
        case "SCHEMA": return "EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = \(value: entry.name))"
        case "EXTENSION": return "EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = \(value: entry.name))"
        case "FUNCTION", "PROCEDURE", "AGGREGATE":
            // The name is a signature: touch(integer).
            let signature = "\(Identifier(entry.schema).quoted).\(entry.name.string)"
            return "pg_catalog.to_regprocedure(\(value: signature)) IS NOT NULL"
        default: return nil
        }
    }
}
