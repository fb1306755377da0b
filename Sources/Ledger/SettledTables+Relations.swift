package import Catalog
import Postgres
package import Planning

extension SettledTables {
    /// Takes the decisions in a run's ledger for the tables that the source still has.
    ///
    /// - Parameters:
    ///   - relations: The ledger's tables, with their names as of the last pass.
    ///   - source: The source's catalog, in which tables and columns may have new names.
    package init(_ relations: [RelationEntry], in source: DatabaseCatalog) {
        let tables = Dictionary(keepingFirst: source.tables.map { ($0.oid, $0) })
        let settled = relations.compactMap { relation in
            tables[relation.definition.oid].map { (name: $0.qualifiedName, table: $0, relation: relation) }
        }
        func values<Value>(_ value: (Table, RelationEntry) -> Value?) -> [QualifiedName: Value] {
            Dictionary(
                keepingFirst: settled.compactMap { entry in value(entry.table, entry.relation).map { (entry.name, $0) }
                }
            )
        }
        self.init(
            treatments: values { $1.treatment },
            filters: values { $1.rowFilter },
            keys: values { table, relation in relation.key?.renamed(from: relation.definition, to: table) }
        )
    }
}
