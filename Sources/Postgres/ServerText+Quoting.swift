/// Names in definitions, quoted for every server.
///
/// A server quotes names that are keywords in its own grammar and prints all others unquoted. PostgreSQL 15 prints a
/// column named `json` as `json`; PostgreSQL 18 prints `"json"` and may not even parse the unquoted form. Servers print
/// keywords in capitals, so a lower-case word is the name of an object or a type.
extension ServerText {
    /// Words that some servers since PostgreSQL 12 quote as names and others do not (`pg_get_keywords()`).
    package static let wordsQuotedBySome = [
        "json", "json_array", "json_arrayagg", "json_exists", "json_object", "json_objectagg", "json_query",
        "json_scalar", "json_serialize", "json_table", "json_value", "merge_action", "normalize", "system_user",
    ]
    private static let bytesOfWords = Set(wordsQuotedBySome.map { ArraySlice($0.utf8) })
    /// Each of the words above contains one of these.
    private static let parts: [ServerText] = ["json", "merge_action", "normalize", "system_user"]

    /// What a server has printed, with every name quoted that any server would quote.
    ///
    /// The built-in type `json` stays unquoted after `::`. Elsewhere it may be a name, and quotes do not change its meaning.
    package var quotedForAllServers: ServerText {
        guard Self.parts.contains(where: contains) else { return self }
        let text = Array(utf8)
        let words = SQLStatements.unquotedWords(in: text, where: Self.bytesOfWords.contains)
        guard !words.isEmpty else { return self }
        let quote = UInt8(ascii: "\"")
        var result: [UInt8] = []
        result.reserveCapacity(text.count + 2 * words.count)
        var end = 0
        for word in words {
            let isType =
                text[word].elementsEqual("json".utf8) && text[..<word.lowerBound].suffix(2).elementsEqual("::".utf8)
                && !text[word.upperBound...].starts(with: ".".utf8)
            guard !isType else { continue }
            result += text[end..<word.lowerBound]
            result.append(quote)
            result += text[word]
            result.append(quote)
            end = word.upperBound
        }
        result += text[end...]
        return ServerText(bytes: result)
    }

    /// The same for a type's name; one without a schema is a built-in type, which no server quotes.
    package var typeQuotedForAllServers: ServerText { contains(".") ? quotedForAllServers : self }
}
