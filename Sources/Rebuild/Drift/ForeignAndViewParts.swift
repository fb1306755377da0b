package import Catalog
package import Planning
package import Postgres

/// Parts of relations other than tables: which foreign tables are partitions, and the defaults of views' columns.
///
/// What is a part of a table is followed with the table (``TableDrift``); `pg_dump` writes these entries in the same way.
package struct ForeignAndViewParts {
    private let changes: DefinitionChanges
    private let foreign: Set<QualifiedName>
    private let views: Set<QualifiedName>
    /// The foreign tables and views that the target has, with the tables of which they are partitions.
    private let there: [QualifiedName: QualifiedName?]

    /// - Parameters:
    ///   - changes: What has changed on the source.
    ///   - target: The target: a change that was made there by hand is not made twice.
    /// - Throws: ``PostgresError``.
    package init(_ changes: DefinitionChanges, on target: Connection) throws {
        self.changes = changes
        let relations = try target.query(
            """
            SELECT n.nspname AS schema, c.relname AS name, pn.nspname AS parent_schema, p.relname AS parent_name
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
            LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
            LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
            WHERE c.relkind IN ('f', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            """
        )
        there = Dictionary(
            keepingFirst: try relations.map { row in
                let parent = row["parent_schema"].flatMap { schema in
                    row["parent_name"].map { QualifiedName(schema: schema, name: $0) }
                }
                return (QualifiedName(schema: try row.text("schema"), name: try row.text("name")), parent)
            }
        )
        foreign = Set(changes.later.filter { $0.kind == "FOREIGN TABLE" }.map(\.qualifiedName))
        views = Set(changes.later.filter(\.isView).map(\.qualifiedName))
    }

    /// Whether an entry is such a part.
    package func contains(_ entry: DefinitionEntry) -> Bool {
        switch entry.kind {
        case "TABLE ATTACH": foreign.contains(entry.qualifiedName)
        case "DEFAULT": entry.altered.map(views.contains) ?? false
        default: false
        }
    }

    /// Whether such a part can be made: what it belongs to is on the target or about to be made, and it is not attached already.
    ///
    /// - Parameters:
    ///   - entry: The part.
    ///   - made: The relations that are made.
    /// - Returns: Otherwise the proof names it.
    package func canBeMade(_ entry: DefinitionEntry, making made: Set<QualifiedName>) -> Bool {
        guard let altered = entry.altered else { return false }
        guard entry.kind == "TABLE ATTACH" else { return made.contains(altered) || there[altered] != nil }
        if made.contains(entry.qualifiedName) { return true }
        guard let parent = there[entry.qualifiedName] else { return false }
        // One that is attached with other bounds is detached first.
        return parent == nil || removed.contains { $0.qualifiedName == entry.qualifiedName }
    }

    /// The defaults that a view's columns have now.
    package func defaults(of view: QualifiedName) -> [DefinitionEntry] {
        changes.later.filter { $0.kind == "DEFAULT" && $0.altered == view }
    }

    /// The statements that take off what the source no longer has, and partitions whose bounds have changed; nil if there are
    /// none.
    package var removal: SQL? {
        let statements = removed.compactMap { entry -> SQL? in
            guard let altered = entry.altered else { return nil }
            if entry.kind == "TABLE ATTACH" {
                return "ALTER TABLE \(altered) DETACH PARTITION \(entry.qualifiedName)"
            }
            return SQLStatements.firstUnquotedRange(of: " SET DEFAULT ", in: entry.statement).map {
                SQL(trusted: entry.statement[0..<$0.lowerBound] + " DROP DEFAULT")
            }
        }
        return statements.isEmpty ? nil : statements.joined(separator: ";\n")
    }

    /// The earlier entries of what is taken off.
    private var removed: [DefinitionEntry] {
        let remade = Set(changes.changed.filter(\.isView).map(\.qualifiedName))
        let bounds = changes.changed.filter { $0.kind == "TABLE ATTACH" }.compactMap(changes.earlier)
        return (changes.gone + bounds).filter { entry in
            guard contains(entry), let altered = entry.altered else { return false }
            return entry.kind == "TABLE ATTACH"
                ? there[entry.qualifiedName] == .some(altered) : there[altered] != nil && !remade.contains(altered)
        }
    }
}
