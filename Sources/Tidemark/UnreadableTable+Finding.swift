import Catalog
import Planning
import Postgres
import Verification

extension Requirements.UnreadableTable {
    /// For people, with what would help.
    ///
    /// - Parameter role: Who reads the source.
    /// - Returns: The finding.
    func finding(role: ServerText) -> Finding {
        let reader = Identifier(role).quoted
        let (message, repair): (String, String) =
            switch reason {
            case .schema:
                ("has no USAGE on its schema", "GRANT USAGE ON SCHEMA \(Identifier(schema).quoted) TO \(reader)")
            case .table: ("has no SELECT on it", "GRANT SELECT ON \(qualifiedName.quoted) TO \(reader)")
            case .rows: ("reads it under row security", "ALTER ROLE \(reader) BYPASSRLS")
            }
        return Finding(
            "table",
            qualifiedName.description,
            "unreadable",
            .stops,
            "role \(role.visible) may not read all of its rows on the source: it \(message); --exclude leaves the table out",
            repair: repair
        )
    }
}
