package import Catalog
import Postgres
package import Planning

extension SettledTables {
    /// What a run's ledger says of the tables that the source still has.
    ///
    /// - Parameters:
    ///   - relations: The ledger's; their names are those of the last pass.
    ///   - source: Where they may have other names now, and columns too.
    package init(_ relations: [RelationEntry], in source: DatabaseCatalog) {
        let tables = Dictionary(source.tables.map { ($0.oid, $0) }, uniquingKeysWith: { first, _ in first })
        let settled = relations.compactMap { relation in
            tables[relation.definition.oid].map { (name: $0.qualifiedName, table: $0, relation: relation) }
        }
        func values<Value>(_ value: (Table, RelationEntry) -> Value?) -> [QualifiedName: Value] {
            Dictionary(
                settled.compactMap { entry in value(entry.table, entry.relation).map { (entry.name, $0) } },
                uniquingKeysWith: { first, _ in first }
            )
        }
        self.init(
            treatments: values { $1.treatment },
            filters: values { $1.rowFilter },
            keys: values { table, relation in relation.key?.renamed(from: relation.definition, to: table) }
        )
    }
}
