package import Catalog
import Postgres

/// What source and target provably agree on about the order of text.
package struct TextOrder: Sendable {
    /// Whether text under the default collation sorts the same on both sides.
    package let sortsAlike: Bool
    /// Whether text has the same bytes on both sides: the order of the collation C is that of its bytes.
    package let encodesAlike: Bool
    private let isTargetKnown: Bool

    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target; nil while it is not known. Then the bytes of UTF-8 are what any database can go by.
    package init(_ source: DatabaseIdentity, _ target: DatabaseIdentity?) {
        let order = source.defaultSortOrder
        sortsAlike = order != nil && (target == nil ? order == "C" : order == target?.defaultSortOrder)
        encodesAlike = source.encoding == target?.encoding ?? "UTF8"
        isTargetKnown = target != nil
    }

    /// How a key's column is compared so that both sides agree.
    func comparison(of column: Column) -> Key.Comparison {
        if !column.isComparable { return .asText }
        // They have no collation, and hold text: its bytes decide over their order, a jsonb's by the default collation.
        let holdsText = ["jsonb", "tsvector", "tsquery"].contains(column.typeName)
        if holdsText, !isTargetKnown || !encodesAlike || (column.typeName == "jsonb" && !sortsAlike) { return .asText }
        if !column.sortOrder.isEmpty {
            // An array's own order is not that of its text, by which another encoding would have to go.
            let isArray = column.type.ends(with: "[]")
            if !encodesAlike || isArray && !isTargetKnown { return .inUTF8 }
        }
        return switch column.sortOrder {
        case "", "C": .native
        case "default": sortsAlike ? .native : .bytewise
        default: .bytewise
        }
    }

    /// Whether a column's values lie in the same order on both sides by themselves.
    func isNative(_ column: Column) -> Bool {
        comparison(of: column) == .native
    }
}

extension Key {
    /// The key as a database compares it that is of another encoding than the one the key was chosen for.
    ///
    /// - Parameters:
    ///   - table: The table, as it was where the key was chosen.
    ///   - encoding: The encoding of that database: UTF-8, or its text keys do not depend on it.
    ///   - other: The encoding of the other.
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
