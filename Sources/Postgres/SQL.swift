/// A statement, or a part of one, that cannot be built from unquoted text.
///
/// Only literals in the source code are taken as SQL. Interpolated values are either quoted (names), escaped
/// (``StringInterpolation/appendInterpolation(literal:)``), bound as a parameter
/// (``StringInterpolation/appendInterpolation(value:)``), or already SQL. A plain `String` does not compile:
///
/// ```swift
/// let sql: SQL = "SELECT count(*) FROM ONLY \(table) WHERE \(column) >= \(literal: bound)"
/// ```
package struct SQL: Sendable, Hashable, ExpressibleByStringInterpolation {
    enum Fragment: Sendable, Hashable {
        case text(ServerText)
        case parameter(ServerText?)
    }

    var fragments: [Fragment]

    package init(stringLiteral value: String) {
        fragments = [.text(ServerText(value))]
    }

    package init(stringInterpolation: StringInterpolation) {
        fragments = stringInterpolation.fragments
    }

    /// SQL that a server's catalog functions produced (such as `pg_get_indexdef`), or that ships with the tool.
    package init(trusted text: ServerText) {
        fragments = [.text(text)]
    }

    /// SQL that ships with the tool, or that the operator wrote.
    @_disfavoredOverload
    package init(trusted text: String) {
        fragments = [.text(ServerText(text))]
    }

    /// The text with `$1`, `$2` … in place of parameters, and the parameters' values.
    var rendered: (text: String, parameters: [String?]) {
        var text = ""
        var parameters: [String?] = []
        for fragment in fragments {
            switch fragment {
            case .text(let part): text += part.string
            case .parameter(let value):
                parameters.append(value?.string)
                text += "$\(parameters.count)"
            }
        }
        return (text, parameters)
    }

    /// The text, for logs and for storing; parameters appear as `$n`.
    package var text: ServerText { ServerText(rendered.text) }

    /// A value of any type as its type prints it; NULL stays NULL.
    ///
    /// Not a cast to text: the database may define its own (`CREATE CAST`), which need not show the whole value.
    ///
    /// - Parameter value: An expression without side effects, because it is written twice.
    /// - Returns: An expression of type text.
    package static func printed(_ value: SQL) -> SQL {
        // Not IS NOT NULL, which checks the fields of a composite value.
        "CASE WHEN \(value) IS DISTINCT FROM NULL THEN pg_catalog.concat(\(value)) END"
    }

    package static func + (left: SQL, right: SQL) -> SQL {
        var sum = left
        sum.fragments += right.fragments
        return sum
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        var fragments: [Fragment] = []

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ literal: String) {
            fragments.append(.text(ServerText(literal)))
        }

        package mutating func appendInterpolation(_ sql: SQL) {
            fragments += sql.fragments
        }

        package mutating func appendInterpolation(_ identifier: Identifier) {
            fragments.append(.text(ServerText(identifier.quoted)))
        }

        package mutating func appendInterpolation(_ name: QualifiedName) {
            fragments.append(.text(ServerText(name.quoted)))
        }

        package mutating func appendInterpolation(_ number: some BinaryInteger) {
            fragments.append(.text(ServerText(String(number))))
        }

        /// A string constant, for statements that take no parameters (COPY, SET, DDL).
        package mutating func appendInterpolation(literal: ServerText) {
            fragments.append(.text(ServerText(Escaping.literal(literal))))
        }

        /// A string constant, for statements that take no parameters (COPY, SET, DDL).
        @_disfavoredOverload
        package mutating func appendInterpolation(literal: String) {
            appendInterpolation(literal: ServerText(literal))
        }

        /// A parameter, sent separately from the statement.
        package mutating func appendInterpolation(value: ServerText?) {
            fragments.append(.parameter(value))
        }

        /// A parameter, sent separately from the statement.
        @_disfavoredOverload
        package mutating func appendInterpolation(value: String?) {
            fragments.append(.parameter(value.map { ServerText($0) }))
        }

        /// A parameter, sent separately from the statement.
        package mutating func appendInterpolation(value: some BinaryInteger) {
            fragments.append(.parameter(ServerText(String(value))))
        }
    }
}

extension Sequence where Element == SQL {
    /// The parts in order, with a separator between them.
    package func joined(separator: SQL) -> SQL {
        var result: SQL = ""
        for (index, part) in enumerated() {
            if index > 0 { result.fragments += separator.fragments }
            result.fragments += part.fragments
        }
        return result
    }
}

extension Sequence where Element == Identifier {
    /// The names, quoted, with commas between them.
    package var commaSeparated: SQL { map { "\($0)" as SQL }.joined(separator: ", ") }
}
