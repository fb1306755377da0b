package import Postgres

/// One line of `pg_restore --list`: `id; class-oid oid KIND schema name owner`.
///
/// Kinds, schemas and names may contain blanks, so a line cannot be split, only compared with expected values.
package struct ListedEntry: Sendable, Hashable {
    /// The line; valid for one file only.
    let line: ServerText
    /// The oids of the catalog and the object; the latter is 0 if it is not an object.
    let object: ServerText
    /// Kind, schema, name and owner.
    private let words: ServerText

    /// - Parameter line: The line; the result is nil if it has another form.
    init?(_ line: ServerText) {
        let fields = line.pieces(between: " ", maxSplits: 3)
        guard fields.count == 4, fields[0].ends(with: ";"), !line.begins(with: ";") else { return nil }
        self.line = line
        object = ServerText("\(fields[1].string) \(fields[2].string)")
        words = fields[3]
    }

    /// - Parameter listing: What `pg_restore --list` printed.
    /// - Returns: Its entries, in order.
    package static func all(in listing: ServerText) -> [ListedEntry] {
        listing.pieces(between: "\n").compactMap(ListedEntry.init)
    }

    /// Whether its kind is, or begins with, one of the kinds: PUBLICATION includes PUBLICATION TABLE.
    func isOf(_ kinds: [String]) -> Bool { kinds.contains { words.begins(with: ServerText($0 + " ")) } }

    /// Whether it has this kind, schema and name.
    func isOf(_ kind: String, schema: ServerText, name: ServerText) -> Bool {
        words.begins(with: ServerText("\(kind) \(schema.string) \(name.string) "))
    }

    /// Whether it is an extension or its comment.
    func isOfExtension(_ name: ServerText) -> Bool {
        // The name of a comment's subject is quoted where pg_dump's version asks for it.
        isOf("EXTENSION", schema: "-", name: name)
            || [name, ServerText(Identifier(name).quoted)].contains {
                isOf("COMMENT", schema: "-", name: "EXTENSION " + $0)
            }
    }

    /// Whether it is a GRANT or a default privilege.
    var isOfRights: Bool { isOf(["ACL", "DEFAULT ACL"]) }

    /// Whether `pg_dump` puts its kind after the rows only if it depends on a key, directly or through others.
    var isLate: Bool {
        // This rule turns a placeholder into the view.
        isOf(["MATERIALIZED VIEW", "VIEW", "FUNCTION", "PROCEDURE", "AGGREGATE"])
            || isOf(["RULE"]) && words.contains(" _RETURN ")
    }
}
