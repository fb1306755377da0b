package import Catalog
package import Postgres

/// The columns that identify a row of a table, in index order.
package struct Key: Sendable, Hashable, Codable {
    /// One column of a key.
    package struct Part: Sendable, Hashable, Codable {
        package let name: ServerText
        package let type: ServerText
        package let comparison: Comparison

        package init(name: ServerText, type: ServerText, comparison: Comparison) {
            self.name = name
            self.type = type
            self.comparison = comparison
        }

        /// The column in an order both sides agree on.
        package var comparable: SQL { comparable(in: nil) }

        /// The column of a table, by the table's alias.
        package func comparable(in alias: SQL?) -> SQL {
            let column: SQL = alias.map { "\($0).\(Identifier(name))" } ?? "\(Identifier(name))"
            return switch comparison {
            case .native: column
            case .bytewise: "\(column) COLLATE pg_catalog.\"C\""
            case .inUTF8, .asText: "pg_catalog.convert_to(pg_catalog.concat(\(column)), 'UTF8')"
            }
        }

        /// What rows of one server with the same key have alike.
        fileprivate func equated(in alias: SQL) -> SQL {
            comparison == .inUTF8 ? "\(alias).\(Identifier(name)) COLLATE pg_catalog.\"C\"" : comparable(in: alias)
        }

        /// A bound, to be compared with the column.
        package func bound(_ value: ServerText) -> SQL {
            switch comparison {
            case .native, .bytewise: "\(literal: value)::\(SQL(trusted: type))"
            case .inUTF8, .asText: "pg_catalog.convert_to(\(literal: value)::pg_catalog.text, 'UTF8')"
            }
        }
    }

    /// How a column's values are ordered.
    package enum Comparison: String, Sendable, Hashable, Codable {
        /// As its type orders them.
        case native
        /// Byte by byte, because source and target do not provably sort text alike.
        case bytewise
        /// By the bytes their text has in UTF-8: the two databases, or one that is not known yet, keep it in other bytes.
        case inUTF8 = "in_utf8"
        /// By the bytes of their text in UTF-8, although two texts may be the same key: the type's own operators are an
        /// extension's, which no search path of ours finds, or go by the bytes of the database's own encoding.
        case asText = "as_text"
    }

    package let parts: [Part]
    /// The index that guarantees it, on the source.
    package let indexName: ServerText

    package init(parts: [Part], indexName: ServerText) {
        self.parts = parts
        self.indexName = indexName
    }

    package var columns: [Identifier] { parts.map { Identifier($0.name) } }

    /// The key as ORDER BY takes it, in the order in which ranges are cut.
    package var order: SQL { parts.map(\.comparable).joined(separator: ", ") }

    /// Whether a range of the key lies all over the table, or no index serves it: then reading one reads the table.
    package func isScattered(in table: Table) -> Bool {
        guard let first = parts.first, let column = table.column(first.name) else { return false }
        if first.comparison != .native { return true }
        let scattersByNature = ["uuid", "text", "varchar", "bpchar", "bytea"].contains(column.typeName)
        return column.correlation.map { abs($0) < 0.5 } ?? scattersByNature
    }

    /// Whether two rows, by their tables' aliases, have the same key.
    package func isSame(_ one: SQL, _ other: SQL) -> SQL {
        parts.map { "\($0.equated(in: one)) OPERATOR(pg_catalog.=) \($0.equated(in: other))" as SQL }.joined(
            separator: " AND "
        )
    }

    /// Chooses what identifies a row.
    ///
    /// A table that has been copied keeps its key for as long as an index guarantees it, whatever that index is called:
    /// with another key its chunks are others, and all of its rows are copied again. Else it is the primary key, else the
    /// smallest unique index whose columns are all NOT NULL; sizes change with every write, so they decide only once.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - indexes: Its indexes.
    ///   - earlier: The key its chunks were cut by, with the columns' names of now; nil where there are none yet.
    ///   - order: What both sides provably agree on.
    /// - Returns: The key; nil where nothing identifies a row.
    package static func choose(
        for table: Table,
        among indexes: [Index],
        earlier: Key?,
        _ order: TextOrder
    ) -> Key? {
        let candidates = indexes.filter { index in
            index.identifiesRows
                && (columns(of: index, in: table)?.allSatisfy(\.isNotNull) ?? false)
        }
        let guarantees = candidates.filter { $0.keyColumns == earlier?.parts.map(\.name) }
        let chosen =
            guarantees.first { $0.name == earlier?.indexName }
            ?? (guarantees.isEmpty ? candidates : guarantees).min { $0.identifiesBetter(than: $1) }
        guard let chosen, let columns = columns(of: chosen, in: table) else { return nil }
        let parts = columns.map { column in
            Part(name: column.name, type: column.type, comparison: order.comparison(of: column))
        }
        return Key(parts: parts, indexName: chosen.name)
    }

    /// The same key of a table some of whose columns have other names since.
    ///
    /// - Parameters:
    ///   - earlier: The table when the key was chosen.
    ///   - later: The table as it is now.
    /// - Returns: The key with the columns' names of now; a column that is gone keeps the name it had.
    package func renamed(from earlier: Table, to later: Table) -> Key {
        let parts = parts.map { part in
            let number = earlier.column(part.name)?.number
            let name = number.flatMap { later.column(numbered: $0)?.name } ?? part.name
            return Part(name: name, type: part.type, comparison: part.comparison)
        }
        return Key(parts: parts, indexName: indexName)
    }

    private static func columns(of index: Index, in table: Table) -> [Column]? {
        guard let names = index.keyColumns else { return nil }
        let columns = names.compactMap { name in name.flatMap(table.column) }
        return columns.count == names.count ? columns : nil
    }
}

extension Index {
    /// Whether it is the better key of two that would both do.
    fileprivate func identifiesBetter(than other: Index) -> Bool {
        (isPrimary ? 0 : 1, keyColumns?.count ?? 0, bytes, name)
            < (other.isPrimary ? 0 : 1, other.keyColumns?.count ?? 0, other.bytes, other.name)
    }
}
