/// The kind of a statement without names or values: `ALTER TABLE`, `TRUNCATE`.
struct StatementKind {
    /// One or two words in capitals; empty where the statement is hidden.
    let words: String

    private static let objects: Set = [
        "TABLE", "INDEX", "VIEW", "MATERIALIZED", "SEQUENCE", "TYPE", "SCHEMA", "FUNCTION", "TRIGGER", "POLICY",
        "DOMAIN", "EXTENSION", "UNIQUE", "FOREIGN", "STATISTICS", "FULL",
    ]
    /// Statements that may precede the one that matters in the same message.
    private static let preludes: Set = ["BEGIN", "START", "SET", "SAVEPOINT"]

    init(of query: ServerText) {
        var rest = Array(query.utf8)[...]
        var found = ""
        while !rest.isEmpty {
            Self.skipSpaceAndComments(&rest)
            let first = Self.word(&rest)
            Self.skipSpaceAndComments(&rest)
            let second = Self.word(&rest)
            if !first.isEmpty { found = Self.objects.contains(second) ? "\(first) \(second)" : first }
            guard Self.preludes.contains(first), let end = rest.firstIndex(of: UInt8(ascii: ";")) else { break }
            rest = rest[rest.index(after: end)...]
        }
        words = found
    }

    private static func word(_ rest: inout ArraySlice<UInt8>) -> String {
        let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) }
        rest = rest.dropFirst(letters.count)
        return String(decoding: letters.map { $0 & ~0x20 }, as: UTF8.self)
    }

    private static func skipSpaceAndComments(_ rest: inout ArraySlice<UInt8>) {
        while let first = rest.first {
            if SQLStatements.isSpace(first) {
                rest = rest.dropFirst()
            } else if rest.starts(with: "--".utf8) {
                rest = rest.drop { $0 != UInt8(ascii: "\n") }
            } else if rest.starts(with: "/*".utf8) {
                rest = rest.dropFirst(2)
                while !rest.isEmpty, !rest.starts(with: "*/".utf8) { rest = rest.dropFirst() }
                rest = rest.dropFirst(2)
            } else {
                return
            }
        }
    }
}
