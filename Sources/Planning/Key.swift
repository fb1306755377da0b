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

        /// The column as an expression whose order both sides agree on.
        package var comparable: SQL { comparable(in: nil) }

        /// The same expression, with the column qualified by the table's alias.
        package func comparable(in alias: SQL?) -> SQL {
            let column: SQL = alias.map { "\($0).\(Identifier(name))" } ?? "\(Identifier(name))"
            return switch comparison {
            case .native: column
            case .bytewise: "\(column) COLLATE pg_catalog.\"C\""
            case .inUTF8, .asText: "pg_catalog.convert_to(pg_catalog.concat(\(column)), 'UTF8')"
            }
        }

        /// The expression that is equal for rows of one server with the same key.
        fileprivate func equated(in alias: SQL) -> SQL {
            comparison == .inUTF8 ? "\(alias).\(Identifier(name)) COLLATE pg_catalog.\"C\"" : comparable(in: alias)
        }

        /// A bound, written so that it can be compared with the column.
        package func bound(_ value: ServerText) -> SQL {
            switch comparison {
            case .native, .bytewise: "\(literal: value)::\(SQL(trusted: type))"
            case .inUTF8, .asText: "pg_catalog.convert_to(\(literal: value)::pg_catalog.text, 'UTF8')"
            }
        }
    }

    /// How a column's values are ordered.
    package enum Comparison: String, Sendable, Hashable, Codable {
        /// In the order of their type.
        case native
        /// Byte by byte, because source and target do not provably sort text in the same order.
        case bytewise
        /// By the bytes of their text in UTF-8, because the two databases have different encodings or one is not known
        /// yet.
        case inUTF8 = "in_utf8"
        /// By the bytes of their text in UTF-8, although two texts may be the same key: the type's operators belong to an
        /// extension outside our search path, or depend on the database's encoding.
        case asText = "as_text"
    }

    package let parts: [Part]
    /// The index on the source that guarantees it.
    package let indexName: ServerText

    package init(parts: [Part], indexName: ServerText) {
        self.parts = parts
        self.indexName = indexName
    }

    package var columns: [Identifier] { parts.map { Identifier($0.name) } }

    /// The key for ORDER BY, in the order in which ranges are cut.
    package var order: SQL { parts.map(\.comparable).joined(separator: ", ") }

    /// Whether the rows of a key range are spread over the table, or no index serves it, so that reading one range reads
    /// the whole table.
    package func isScattered(in table: Table) -> Bool {
        guard let first = parts.first, let column = table.column(first.name) else { return false }
        if first.comparison != .native { return true }
        let scattersByNature = ["uuid", "text", "varchar", "bpchar", "bytea"].contains(column.typeName)
        return column.correlation.map { abs($0) < 0.5 } ?? scattersByNature
    }

    /// The condition that two rows, given by their tables' aliases, have the same key.
    package func isSame(_ one: SQL, _ other: SQL) -> SQL {
        parts.map { "\($0.equated(in: one)) OPERATOR(pg_catalog.=) \($0.equated(in: other))" as SQL }.joined(
            separator: " AND "
        )
    }

    /// Chooses the key that identifies a row.
    ///
    /// A copied table keeps its key while any index guarantees it, because with another key its chunks change and all of
    /// its rows are copied again. Otherwise the key is the primary key, or else the smallest unique index whose columns are
    /// all NOT NULL. Sizes change with every write, so they decide only once.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - indexes: Its indexes.
    ///   - earlier: The key its chunks were cut by, with the current names of columns; nil if it has no chunks yet.
    ///   - order: The text order both sides provably agree on.
    /// - Returns: The key; nil if nothing identifies a row.
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

    /// The same key after columns of the table were renamed.
    ///
    /// - Parameters:
    ///   - earlier: The table when the key was chosen.
    ///   - later: The table now.
    /// - Returns: The key with the current names of columns; a dropped column keeps its old name.
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
    /// Whether this index is a better key than another suitable one.
    fileprivate func identifiesBetter(than other: Index) -> Bool {
        (isPrimary ? 0 : 1, keyColumns?.count ?? 0, bytes, name)
            < (other.isPrimary ? 0 : 1, other.keyColumns?.count ?? 0, other.bytes, other.name)
    }
}
