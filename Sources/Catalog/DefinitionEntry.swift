package import Postgres

/// One entry of the source's definitions, as `pg_dump` lists them.
package struct DefinitionEntry: Sendable, Hashable, Codable {
    /// Which object of the source it is, whatever its name: catalog and object id; for entries that are no objects
    /// (comments, rights) the line of the list.
    package let identity: ServerText
    /// What kind of object it makes, as `pg_dump` calls it: TABLE, VIEW, TYPE, COMMENT and so on.
    package let kind: String
    /// `-` for what is in no schema.
    package let schema: ServerText
    package let name: ServerText
    /// The statements that make it.
    package let statement: ServerText
    /// The line of `pg_restore --list` that selects it; good for one file only.
    package let line: ServerText

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    /// Which object of any database it makes, as `pg_restore --list` has it: `TYPE public mood`.
    package var listed: ServerText { ServerText("\(kind) \(schema.string) \(name.string)") }
    /// For people: `type public.mood`.
    package var description: String {
        "\(kind.lowercased()) \(schema == "-" ? "" : schema.visible + ".")\(name.visible)"
    }

    package init(
        identity: ServerText,
        kind: String,
        schema: ServerText,
        name: ServerText,
        statement: ServerText,
        line: ServerText
    ) {
        self.identity = identity
        self.kind = kind
        self.schema = schema
        self.name = name
        self.statement = statement
        self.line = line
    }

    /// The same object with the statements another database tells.
    package func told(by other: DefinitionEntry) -> DefinitionEntry {
        DefinitionEntry(
            identity: identity,
            kind: kind,
            schema: schema,
            name: name,
            statement: other.statement,
            line: line
        )
    }

    /// A table without the names of its NOT NULL constraints: since PostgreSQL 18 they have one, which is told where it
    /// is not the one the server would choose.
    package var withoutNamesOfNotNull: DefinitionEntry {
        guard kind == "TABLE" else { return self }
        return DefinitionEntry(
            identity: identity,
            kind: kind,
            schema: schema,
            name: name,
            statement: Self.withoutNamesOfNotNull(statement),
            line: line
        )
    }

    /// ` CONSTRAINT name NOT NULL` is ` NOT NULL`, whatever the name is, in quotes or not.
    private static func withoutNamesOfNotNull(_ statement: ServerText) -> ServerText {
        let (begin, end): (ServerText, ServerText) = (" CONSTRAINT ", " NOT NULL")
        var (result, start): (ServerText, Int) = ("", 0)
        while let found = statement.firstRange(of: begin, from: start) {
            let name = statement.dropFirst(found.upperBound)
            let length = name.lengthOfIdentifier
            let isOfNotNull = length > 0 && name.dropFirst(length).begins(with: end)
            result = result + statement[start..<(isOfNotNull ? found.lowerBound : found.upperBound)]
            start = found.upperBound + (isOfNotNull ? length : 0)
        }
        return result + statement.dropFirst(start)
    }

    /// An object the source does not have: its object id must not be taken for one of the source's.
    package var ofTarget: DefinitionEntry {
        DefinitionEntry(
            identity: "target " + identity,
            kind: kind,
            schema: schema,
            name: name,
            statement: statement,
            line: line
        )
    }

    package var isView: Bool { kind == "VIEW" || kind == "MATERIALIZED VIEW" }
    /// A part of a table, found by comparing the tables themselves.
    package var isPartOfTable: Bool { ["DEFAULT", "TABLE ATTACH", "INDEX ATTACH"].contains(kind) }
    /// A table, a part of it, or what is said with it.
    package var isOfTable: Bool { isPartOfTable || ["TABLE", "SEQUENCE OWNED BY"].contains(kind) }
    /// Rights may have been left out on purpose.
    package var isOfRights: Bool { kind == "ACL" || kind == "DEFAULT ACL" }

    /// Whether it makes anything.
    ///
    /// Of the schema `public` only the owner is told, and only where the server did not choose it: that the entry comes or
    /// goes says nothing of the schema.
    package var isCompared: Bool { !isOfRights && !statement.isEmpty }

    /// What a table's statements say beside its columns and constraints, and the tables it inherits from.
    package var settings: [ServerText] {
        let lines = statement.pieces(between: "\n")
        guard let end = lines.firstIndex(where: { $0.begins(with: ")") }) else { return [] }
        return lines[end...].filter { !$0.begins(with: "INHERITS (") }.map { line in
            ServerText(bytes: line.utf8.drop { $0 == UInt8(ascii: ")") }.prefix { $0 != UInt8(ascii: ";") })
        }.filter { !$0.isEmpty }
    }

    /// The object id of the source's table it defines; nil for anything else.
    package var tableOid: UInt32? {
        let catalogOfRelations: ServerText = "1259 "
        guard kind == "TABLE", identity.begins(with: catalogOfRelations) else { return nil }
        return UInt32(identity.dropFirst(catalogOfRelations.utf8.count).string)
    }
}
