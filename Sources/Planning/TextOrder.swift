package import Catalog
import Postgres

/// The order of text that source and target provably agree on.
package struct TextOrder: Sendable {
    /// Whether text under the default collation sorts the same on both sides.
    package let sortsAlike: Bool
    /// Whether text has the same bytes on both sides; collation C sorts by bytes.
    package let encodesAlike: Bool
    private let isTargetKnown: Bool

    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target; nil while it is not known, then the order is that of bytes in UTF-8.
    package init(_ source: DatabaseIdentity, _ target: DatabaseIdentity?) {
        let order = source.defaultSortOrder
        sortsAlike = order != nil && (target == nil ? order == "C" : order == target?.defaultSortOrder)
        encodesAlike = source.encoding == target?.encoding ?? "UTF8"
        isTargetKnown = target != nil
    }

    /// How a key's column is compared so that both sides agree.
    func comparison(of column: Column) -> Key.Comparison {
        if !column.isComparable { return .asText }
        // These types have no collation but contain text: they sort by its bytes, jsonb by the default collation.
        let holdsText = ["jsonb", "tsvector", "tsquery"].contains(column.typeName)
        if holdsText, !isTargetKnown || !encodesAlike || (column.typeName == "jsonb" && !sortsAlike) { return .asText }
        if !column.sortOrder.isEmpty {
            // An array does not sort like its text, which is what has to be compared in another encoding.
            let isArray = column.type.ends(with: "[]")
            if !encodesAlike || isArray && !isTargetKnown { return .inUTF8 }
        }
        return switch column.sortOrder {
        case "", "C": .native
        case "default": sortsAlike ? .native : .bytewise
        default: .bytewise
        }
    }

    /// Whether a column's values have the same order on both sides without conversion.
    func isNative(_ column: Column) -> Bool {
        comparison(of: column) == .native
    }
}

extension Key {
    /// The key as compared in a database whose encoding differs from the one it was chosen for.
    ///
    /// - Parameters:
    ///   - table: The table in the database where the key was chosen.
    ///   - encoding: The encoding of that database; if it is not UTF8, the key is returned unchanged.
    ///   - other: The encoding of the other database.
    /// - Returns: A key with the same ranges.
    package func carried(_ table: Table, from encoding: String, to other: String) -> Key {
        guard encoding == "UTF8", other != encoding else { return self }
        let parts = parts.map { part in
            let isText = table.column(part.name)?.sortOrder.isEmpty == false
            guard isText, part.comparison == .native || part.comparison == .bytewise else { return part }
            return Part(name: part.name, type: part.type, comparison: .inUTF8)
        }
        return Key(parts: parts, indexName: indexName)
    }
}
