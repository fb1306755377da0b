/// Names in definitions, quoted for every server.
///
/// A server quotes the names that are keywords of its own grammar and leaves all others as they are. So `json` is a
/// column's name in the words of PostgreSQL 15 and `"json"` in those of 18, which may not even parse the first. In their
/// own words servers print keywords in capitals: a word in small letters is a name, or a type's.
extension ServerText {
    /// Words that some server from PostgreSQL 12 on quotes where they are names, and some other does not
    /// (`pg_get_keywords()`).
    package static let wordsQuotedBySome = [
        "json", "json_array", "json_arrayagg", "json_exists", "json_object", "json_objectagg", "json_query",
        "json_scalar", "json_serialize", "json_table", "json_value", "merge_action", "normalize", "system_user",
    ]
    private static let bytesOfWords = Set(wordsQuotedBySome.map { ArraySlice($0.utf8) })
    /// One of them is in each of these words.
    private static let parts: [ServerText] = ["json", "merge_action", "normalize", "system_user"]

    /// What a server has printed, with those names quoted that any server would quote.
    ///
    /// The built-in type `json` stays as it is behind a `::`; elsewhere it may be a name, and means the same in quotes.
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

    /// The same of a type's name: without a schema it is a built-in one's, of which none is in quotes.
    package var typeQuotedForAllServers: ServerText { contains(".") ? quotedForAllServers : self }
}
