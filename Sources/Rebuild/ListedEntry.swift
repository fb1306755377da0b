package import Postgres

/// One line of `pg_restore --list`: `id; class-oid oid KIND schema name owner`.
///
/// Kinds, schemas and names may all have blanks: where one ends is not seen, only whether the line goes on as expected.
package struct ListedEntry: Sendable, Hashable {
    /// The line, good for one file only.
    let line: ServerText
    /// Catalog and object id; the latter is 0 for what is no object.
    let object: ServerText
    /// Kind, schema, name and owner.
    private let words: ServerText

    /// - Parameter line: nil comes of what is no such line.
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

    /// Whether it is of one of the kinds, or of one that begins like it: PUBLICATION takes PUBLICATION TABLE along.
    func isOf(_ kinds: [String]) -> Bool { kinds.contains { words.begins(with: ServerText($0 + " ")) } }

    /// Whether it is of this kind, schema and name.
    func isOf(_ kind: String, _ schema: ServerText, _ name: ServerText) -> Bool {
        words.begins(with: ServerText("\(kind) \(schema.string) \(name.string) "))
    }

    /// Whether it says who may do what.
    var isOfRights: Bool { isOf(["ACL", "DEFAULT ACL"]) }

    /// Of a kind that `pg_dump` puts after the rows only where it depends on a key, directly or by others.
    var isLate: Bool {
        // The rule that makes a view of what had been a stand-in for it.
        isOf(["MATERIALIZED VIEW", "VIEW", "FUNCTION", "PROCEDURE", "AGGREGATE"])
            || isOf(["RULE"]) && words.contains(" _RETURN ")
    }
}
