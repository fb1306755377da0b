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

    /// - Parameter changes: What has changed on the source.
    package init(_ changes: DefinitionChanges) {
        self.changes = changes
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

    /// The defaults that a view's columns have now.
    package func defaults(of view: QualifiedName) -> [DefinitionEntry] {
        changes.later.filter { $0.kind == "DEFAULT" && $0.altered == view }
    }

    /// The statements that take off what the source no longer has, and partitions whose bounds have changed; nil if there are
    /// none.
    package var removal: SQL? {
        let remade = Set(changes.changed.filter(\.isView).map(\.qualifiedName))
        let bounds = changes.changed.filter { $0.kind == "TABLE ATTACH" }.compactMap(changes.earlier)
        let statements = (changes.gone + bounds).filter(contains).compactMap { entry -> SQL? in
            guard let altered = entry.altered else { return nil }
            if entry.kind == "TABLE ATTACH" {
                return "ALTER TABLE \(altered) DETACH PARTITION \(entry.qualifiedName)"
            }
            guard !remade.contains(altered),
                let end = SQLStatements.firstUnquotedRange(of: " SET DEFAULT ", in: entry.statement)
            else { return nil }
            return SQL(trusted: entry.statement[0..<end.lowerBound] + " DROP DEFAULT")
        }
        return statements.isEmpty ? nil : statements.joined(separator: ";\n")
    }
}
