package import Postgres

/// One entry of the source's definitions, as listed by `pg_dump`.
package struct DefinitionEntry: Sendable, Hashable, Codable {
    /// Identifies the object on the source regardless of its name: catalog and object id; for entries that are not
    /// objects (comments, rights) the line of the list.
    package let identity: ServerText
    /// The kind of object it creates, as `pg_dump` calls it: TABLE, VIEW, TYPE, COMMENT and so on.
    package let kind: String
    /// The schema; `-` for objects outside of schemas.
    package let schema: ServerText
    package let name: ServerText
    /// The statements that create it.
    package let statement: ServerText
    /// The line of `pg_restore --list` that selects it; valid for one file only.
    package let line: ServerText

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    /// The object it creates in any database, as printed by `pg_restore --list`: `TYPE public mood`.
    package var listed: ServerText { ServerText("\(kind) \(schema.string) \(name.string)") }
    /// The object for people: `type public.mood`.
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

    /// The same object with the statements of another database.
    package func worded(as other: DefinitionEntry) -> DefinitionEntry {
        DefinitionEntry(
            identity: identity,
            kind: kind,
            schema: schema,
            name: name,
            statement: other.statement,
            line: line
        )
    }

    /// The same entry without the names of NOT NULL constraints.
    ///
    /// Since PostgreSQL 18 these have names, which are printed if they differ from the server's own choice.
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

    /// Replaces ` CONSTRAINT name NOT NULL` by ` NOT NULL`, for any name, quoted or not.
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

    /// The same entry as one of the target's, so that its object id is not mistaken for one of the source's.
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
    /// Whether it is a part of a table; such changes are found by comparing the tables themselves.
    package var isPartOfTable: Bool { ["DEFAULT", "TABLE ATTACH", "INDEX ATTACH"].contains(kind) }
    /// Whether it is a table, a part of one, or printed along with one.
    package var isOfTable: Bool { isPartOfTable || ["TABLE", "SEQUENCE OWNED BY"].contains(kind) }
    /// Whether it grants rights, which may have been left out on purpose.
    package var isOfRights: Bool { kind == "ACL" || kind == "DEFAULT ACL" }

    /// Whether it creates anything.
    ///
    /// For the schema `public` only the owner is printed, and only if it is not the server's default. So whether this entry
    /// exists says nothing about the schema.
    package var isCompared: Bool { !isOfRights && !statement.isEmpty }

    /// The clauses of a table's statements other than columns, constraints and inherited tables.
    package var settings: [ServerText] {
        let lines = statement.pieces(between: "\n")
        guard let end = lines.firstIndex(where: { $0.begins(with: ")") }) else { return [] }
        return lines[end...].filter { !$0.begins(with: "INHERITS (") }.map { line in
            ServerText(bytes: line.utf8.drop { $0 == UInt8(ascii: ")") }.prefix { $0 != UInt8(ascii: ";") })
        }.filter { !$0.isEmpty }
    }

    /// The object id of the source's table it creates; nil for other kinds.
    package var tableOid: UInt32? {
        let catalogOfRelations: ServerText = "1259 "
        guard kind == "TABLE", identity.begins(with: catalogOfRelations) else { return nil }
        return UInt32(identity.dropFirst(catalogOfRelations.utf8.count).string)
    }
}
