import Postgres

/// The tree of partitioned tables and their partitions.
package struct PartitionTree: Sendable {
    private let byOid: [UInt32: Table]
    private let children: [UInt32: [Table]]

    /// - Parameter tables: All tables of a database.
    package init(_ tables: [Table]) {
        byOid = Dictionary(keepingFirst: tables.map { ($0.oid, $0) })
        children = Dictionary(grouping: tables.filter { $0.parentOid != nil }, by: { $0.parentOid ?? 0 })
    }

    /// The partitioned table that a partition belongs to.
    package func parent(of table: Table) -> Table? { table.parentOid.flatMap { byOid[$0] } }

    /// The partitioned tables above a table, from its parent to the root.
    package func ancestors(of table: Table) -> [Table] {
        var ancestors: [Table] = []
        var current = table
        while let parent = parent(of: current) {
            ancestors.append(parent)
            current = parent
        }
        return ancestors
    }

    /// The number of partitioned tables above a table.
    package func depth(of table: Table) -> Int { ancestors(of: table).count }

    /// A table and all tables below it.
    package func tree(from table: Table) -> [Table] {
        [table] + (children[table.oid] ?? []).flatMap(tree(from:))
    }

    /// The tables below a partitioned table that contain its rows.
    package func leaves(of table: Table) -> [Table] {
        (children[table.oid] ?? []).flatMap { $0.isPartitioned ? leaves(of: $0) : [$0] }
    }
}
