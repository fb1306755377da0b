package import Postgres

/// What a comment or a right is about, read from the name `pg_dump` lists it by: `COLUMN t."A column"`.
///
/// Names are in quotes there, where the version of `pg_dump` takes them for keywords: here they are as the catalog has
/// them.
extension DefinitionEntry {
    /// A comment on a constraint of a table.
    package struct CommentedConstraint: Hashable, Sendable {
        package let table: QualifiedName
        package let constraint: ServerText
    }

    private static let kindsOfRelations: [ServerText] = [
        "TABLE ", "FOREIGN TABLE ", "VIEW ", "MATERIALIZED VIEW ", "SEQUENCE ", "COLUMN ",
    ]

    /// The relation that it, or a column of which, it is about; nil where it is about something else.
    package var subject: QualifiedName? {
        if let commented = commentedConstraint { return commented.table }
        guard let kind = Self.kindsOfRelations.first(where: name.begins),
            let relation = name.dropFirst(kind.utf8.count).leadingIdentifier
        else { return nil }
        return QualifiedName(schema: schema, name: relation.name)
    }

    /// Which constraint it is a comment on: `CONSTRAINT c ON t`; nil for all else, constraints of domains among it.
    package var commentedConstraint: CommentedConstraint? {
        let (kind, between): (ServerText, ServerText) = ("CONSTRAINT ", " ON ")
        guard self.kind == "COMMENT", name.begins(with: kind),
            let constraint = name.dropFirst(kind.utf8.count).leadingIdentifier, constraint.rest.begins(with: between),
            let table = constraint.rest.dropFirst(between.utf8.count).leadingIdentifier, table.rest.isEmpty
        else { return nil }
        return CommentedConstraint(
            table: QualifiedName(schema: schema, name: table.name),
            constraint: constraint.name
        )
    }
}

extension ServerText {
    /// The identifier it begins with, without its quotes, and what comes after; nil where there is none.
    fileprivate var leadingIdentifier: (name: ServerText, rest: ServerText)? {
        let length = lengthOfIdentifier
        guard length > 0 else { return nil }
        let (printed, rest) = (self[0..<length], dropFirst(length))
        guard printed.begins(with: "\"") else { return (printed, rest) }
        return (printed[1..<(length - 1)].replacingAll("\"\"", with: "\""), rest)
    }

    /// How many bytes the identifier takes that it begins with, as the server prints one: in double quotes, those inside
    /// doubled, or up to the next blank or dot; 0 where there is none.
    var lengthOfIdentifier: Int {
        let quote = UInt8(ascii: "\"")
        guard utf8.first == quote else {
            return utf8.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: ".") }.count
        }
        let bytes = Array(utf8)
        var place = 1
        while place < bytes.count {
            if bytes[place] == quote {
                guard place + 1 < bytes.count, bytes[place + 1] == quote else { return place + 1 }
                place += 1
            }
            place += 1
        }
        return 0
    }
}
