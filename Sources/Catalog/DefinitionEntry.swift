package import Postgres

/// One entry of the source's definitions, as `pg_dump` lists them.
package struct DefinitionEntry: Sendable, Hashable, Codable {
    /// Which object of the source it is, whatever its name: catalog and object id; for entries that are no objects
    /// (comments, rights) the line of the list.
    package let identity: String
    /// What kind of object it makes, as `pg_dump` calls it: TABLE, VIEW, TYPE, COMMENT and so on.
    package let kind: String
    /// `-` for what is in no schema.
    package let schema: String
    package let name: String
    /// The statements that make it.
    package let statement: String
    /// The line of `pg_restore --list` that selects it; good for one file only.
    package let line: String

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    /// For people: `type public.mood`.
    package var description: String { "\(kind.lowercased()) \(schema == "-" ? "" : schema + ".")\(name)" }

    package init(identity: String, kind: String, schema: String, name: String, statement: String, line: String) {
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
            statement: statement.replacing(#/ CONSTRAINT (?:"(?:[^"]|"")*"|[^ "]+) NOT NULL/#, with: " NOT NULL"),
            line: line
        )
    }

    /// An object the source does not have: its object id must not be taken for one of the source's.
    package var ofTarget: DefinitionEntry {
        DefinitionEntry(
            identity: "target \(identity)",
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
    /// What a comment or right is about, without its kind: `t` of `TABLE t`.
    package var subject: String { name.split(separator: " ", maxSplits: 1).last.map(String.init) ?? "" }

    /// Rights may have been left out on purpose.
    package var isOfRights: Bool { kind == "ACL" || kind == "DEFAULT ACL" }

    /// What a table's statements say beside its columns and constraints, and the tables it inherits from.
    package var settings: [Substring] {
        let lines = statement.split(separator: "\n")
        guard let end = lines.firstIndex(where: { $0.hasPrefix(")") }) else { return [] }
        return lines[end...].filter { !$0.hasPrefix("INHERITS (") }.map { line in
            line.drop { $0 == ")" }.prefix { $0 != ";" }
        }.filter { !$0.isEmpty }
    }

    /// The object id of the source's table it defines; nil for anything else.
    package var tableOid: UInt32? {
        let catalogOfRelations = "1259 "
        guard kind == "TABLE", identity.hasPrefix(catalogOfRelations) else { return nil }
        return UInt32(identity.dropFirst(catalogOfRelations.count))
    }
}
