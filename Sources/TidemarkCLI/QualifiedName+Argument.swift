import Postgres

extension QualifiedName {
    /// Reads `schema.table`, each part as the catalog spells it; a part with a dot or a quote in it is quoted as in
    /// SQL.
    ///
    /// - Parameter argument: What the operator wrote.
    /// - Throws: ``UsageError`` when it is not two parts.
    init(argument: String) throws {
        var parts: [String] = [""]
        var isQuoted = false
        var characters = argument[...]
        while let character = characters.popFirst() {
            switch character {
            case "\"" where isQuoted && characters.first == "\"":
                characters.removeFirst()
                parts[parts.count - 1].append("\"")
            case "\"": isQuoted.toggle()
            case "." where !isQuoted: parts.append("")
            default: parts[parts.count - 1].append(character)
            }
        }
        guard parts.count == 2, !isQuoted, !parts.contains("") else {
            throw UsageError(
                description: "'\(argument)' is no table name: write schema.table, or \"my.schema\".\"my table\""
            )
        }
        self.init(schema: parts[0], name: parts[1])
    }
}
