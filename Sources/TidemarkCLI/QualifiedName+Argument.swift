import Postgres

extension ServerText {
    /// Parses the name of one object as the catalog spells it, or quoted as in SQL.
    ///
    /// - Parameter argument: The name as the operator wrote it.
    /// - Throws: ``UsageError`` if it is empty.
    init(argument: String) throws {
        let (text, quote) = (ServerText(argument), "\"" as ServerText)
        let isQuoted = text.utf8.count > 2 && text.begins(with: quote) && text.ends(with: quote)
        self = isQuoted ? text.dropFirst(1).dropLast(1).replacingAll("\"\"", with: quote) : text
        guard !isEmpty else { throw UsageError(description: "a name is empty") }
    }
}

extension QualifiedName {
    /// Parses `schema.table`, each part as the catalog spells it.
    ///
    /// A part that contains a dot or a quote is quoted as in SQL.
    ///
    /// - Parameter argument: The name as the operator wrote it.
    /// - Throws: ``UsageError`` if it does not have two parts.
    init(argument: String) throws {
        let (quote, dot) = (UInt8(ascii: "\""), UInt8(ascii: "."))
        var parts: [[UInt8]] = [[]]
        var isQuoted = false
        var bytes = Array(argument.utf8)[...]
        while let byte = bytes.popFirst() {
            switch byte {
            case quote where isQuoted && bytes.first == quote:
                bytes.removeFirst()
                parts[parts.count - 1].append(quote)
            case quote: isQuoted.toggle()
            case dot where !isQuoted: parts.append([])
            default: parts[parts.count - 1].append(byte)
            }
        }
        guard parts.count == 2, !isQuoted, parts.allSatisfy({ !$0.isEmpty }) else {
            throw UsageError(
                description: "'\(argument)' is not a table name: write schema.table, or \"my.schema\".\"my table\""
            )
        }
        self.init(schema: ServerText(bytes: parts[0]), name: ServerText(bytes: parts[1]))
    }
}
