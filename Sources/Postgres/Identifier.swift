/// The name of one database object, exactly as the catalog spells it.
///
/// Its only way into SQL is quoted.
package struct Identifier: Sendable, Hashable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let name: String

    package init(_ name: String) {
        self.name = name
    }

    package init(stringLiteral value: String) {
        name = value
    }

    package init(from decoder: any Decoder) throws {
        name = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    /// Double-quoted, with the quotes inside doubled (PostgreSQL manual 4.1.1).
    package var quoted: String {
        "\"" + name.replacing("\"", with: "\"\"") + "\""
    }

    /// For people: quoted only where it must be, control characters escaped so that a name cannot forge a line of a
    /// log.
    package var description: String {
        let isPlain =
            !name.isEmpty
            && name.unicodeScalars.allSatisfy { scalar in
                scalar == "_" || scalar == "$" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
            }
        return isPlain ? name : "\"" + name.replacing("\"", with: "\"\"").visible + "\""
    }
}

extension String {
    /// With control characters escaped: what users have put into a database is told on one line, and forges none.
    package var visible: String {
        unicodeScalars.map { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator:
                "\\u{" + String(scalar.value, radix: 16) + "}"
            default: String(scalar)
            }
        }.joined()
    }
}

/// A schema-qualified name.
///
/// Every session runs with an empty `search_path`, so nothing is ever named without its schema.
public struct QualifiedName: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    /// The schema, as the catalog spells it.
    public let schema: String
    /// The name within the schema, as the catalog spells it.
    public let name: String

    /// Makes a name of its two parts, as the catalog spells them.
    public init(schema: String, name: String) {
        self.schema = schema
        self.name = name
    }

    package var quoted: String { Identifier(schema).quoted + "." + Identifier(name).quoted }

    /// For people: quoted only where it must be, control characters escaped so that a name cannot forge a line of a
    /// log.
    public var description: String { "\(Identifier(schema).description).\(Identifier(name).description)" }

    /// Orders by schema, then by name.
    public static func < (left: Self, right: Self) -> Bool {
        (left.schema, left.name) < (right.schema, right.name)
    }
}
