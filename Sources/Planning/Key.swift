package import Catalog
package import Postgres

/// The columns that identify a row of a table, in index order.
package struct Key: Sendable, Hashable, Codable {
    /// One column of a key.
    package struct Part: Sendable, Hashable, Codable {
        package let name: String
        package let type: String
        /// Compared byte by byte, because source and target do not provably sort text alike.
        package let isComparedBytewise: Bool

        package init(name: String, type: String, isComparedBytewise: Bool) {
            self.name = name
            self.type = type
            self.isComparedBytewise = isComparedBytewise
        }

        package var comparable: SQL {
            isComparedBytewise ? "\(Identifier(name)) COLLATE pg_catalog.\"C\"" : "\(Identifier(name))"
        }
    }

    package let parts: [Part]
    /// The index that guarantees it, on the source.
    package let indexName: String

    package init(parts: [Part], indexName: String) {
        self.parts = parts
        self.indexName = indexName
    }

    package var columns: [Identifier] { parts.map { Identifier($0.name) } }

    /// The key as ORDER BY takes it, in the order in which ranges are cut.
    package var order: SQL { parts.map(\.comparable).joined(separator: ", ") }

    /// Chooses what identifies a row: the primary key, else the smallest unique index whose columns are all NOT NULL.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - indexes: Its indexes.
    ///   - sortsAlike: Whether text under the default collation provably sorts the same on both sides.
    /// - Returns: The key; nil where nothing identifies a row.
    package static func choose(for table: Table, among indexes: [Index], sortsAlike: Bool) -> Key? {
        let candidates = indexes.filter { index in
            index.identifiesRows
                && (columns(of: index, in: table)?.allSatisfy { $0.isNotNull && $0.isComparable } ?? false)
        }
        let chosen =
            candidates.first(where: \.isPrimary)
            ?? candidates.min {
                ($0.keyColumns?.count ?? 0, $0.bytes, $0.name) < ($1.keyColumns?.count ?? 0, $1.bytes, $1.name)
            }
        guard let chosen, let columns = columns(of: chosen, in: table) else { return nil }
        let parts = columns.map { column in
            let isBytewise =
                switch column.sortOrder {
                case "", "C": false
                case "default": !sortsAlike
                default: true
                }
            return Part(name: column.name, type: column.type, isComparedBytewise: isBytewise)
        }
        return Key(parts: parts, indexName: chosen.name)
    }

    private static func columns(of index: Index, in table: Table) -> [Column]? {
        guard let names = index.keyColumns else { return nil }
        let columns = names.compactMap { name in name.flatMap(table.column) }
        return columns.count == names.count ? columns : nil
    }
}
