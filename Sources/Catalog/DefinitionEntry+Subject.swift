package import Postgres

/// The subject of a comment or a right, parsed from its name in `pg_dump`'s list: `COLUMN t."A column"`.
///
/// Names are quoted there if they are keywords for that version of `pg_dump`; here they are as in the catalog.
extension DefinitionEntry {
    /// A comment on a constraint of a table.
    package struct CommentedConstraint: Hashable, Sendable {
        package let table: QualifiedName
        package let constraint: ServerText
    }

    private static let kindsOfRelations: [ServerText] = [
        "TABLE ", "FOREIGN TABLE ", "VIEW ", "MATERIALIZED VIEW ", "SEQUENCE ", "COLUMN ",
    ]

    /// The relation it is about, also if it is about a column of it; nil if it is about something else.
    package var subject: QualifiedName? {
        if let commented = commentedConstraint { return commented.table }
        guard let kind = Self.kindsOfRelations.first(where: name.begins),
            let relation = name.dropFirst(kind.utf8.count).leadingIdentifier
        else { return nil }
        return QualifiedName(schema: schema, name: relation.name)
    }

    /// The relation that its statement alters (`ALTER TABLE ONLY s.t …`); nil for other statements.
    package var altered: QualifiedName? {
        let beginning: ServerText = "ALTER TABLE ONLY "
        guard statement.begins(with: beginning),
            let schema = statement.dropFirst(beginning.utf8.count).leadingIdentifier, schema.rest.begins(with: "."),
            let relation = schema.rest.dropFirst(1).leadingIdentifier
        else { return nil }
        return QualifiedName(schema: schema.name, name: relation.name)
    }

    /// The table's constraint it is a comment on (`CONSTRAINT c ON t`); nil for anything else, including constraints of
    /// domains.
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
    /// The identifier at the beginning, without its quotes, and the rest; nil if there is none.
    fileprivate var leadingIdentifier: (name: ServerText, rest: ServerText)? {
        let length = lengthOfIdentifier
        guard length > 0 else { return nil }
        let (printed, rest) = (self[0..<length], dropFirst(length))
        guard printed.begins(with: "\"") else { return (printed, rest) }
        return (printed[1..<(length - 1)].replacingAll("\"\"", with: "\""), rest)
    }

    /// The length in bytes of the identifier at the beginning, as printed by the server; 0 if there is none.
    ///
    /// It is in double quotes, with quotes inside doubled, or ends at the next blank or dot.
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
