/// The name of one database object, exactly as the catalog spells it.
///
/// It appears in SQL only quoted.
package struct Identifier: Sendable, Hashable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let name: ServerText

    package init(_ name: ServerText) {
        self.name = name
    }

    package init(stringLiteral value: String) {
        name = ServerText(value)
    }

    package init(from decoder: any Decoder) throws {
        name = try ServerText(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws {
        try name.encode(to: encoder)
    }

    package var quoted: String { Escaping.identifier(name) }

    /// For people: quoted only where necessary, with control characters escaped so that a name cannot forge a log line.
    package var description: String {
        let isPlain =
            !name.isEmpty
            && name.string.unicodeScalars.allSatisfy { scalar in
                scalar == "_" || scalar == "$" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
            }
        return isPlain ? name.string : quoted.visible
    }
}

/// A schema-qualified name.
///
/// Every session runs with an empty `search_path`, so every name includes its schema.
public struct QualifiedName: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    /// The schema, as the catalog spells it.
    public let schema: ServerText
    /// The name within the schema, as the catalog spells it.
    public let name: ServerText

    /// Creates a name from its two parts, as the catalog spells them.
    public init(schema: ServerText, name: ServerText) {
        self.schema = schema
        self.name = name
    }

    package var quoted: String { Identifier(schema).quoted + "." + Identifier(name).quoted }

    /// For people: quoted only where necessary, with control characters escaped so that a name cannot forge a log line.
    public var description: String { "\(Identifier(schema).description).\(Identifier(name).description)" }

    /// Orders by schema, then by name.
    public static func < (left: Self, right: Self) -> Bool {
        (left.schema, left.name) < (right.schema, right.name)
    }
}
