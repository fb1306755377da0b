/// Splits a script into statements at its semicolons, byte by byte, keeping everything in between.
///
/// Quoted text of any form (PostgreSQL manual 4.1) and text in parentheses are not split. A function body written in SQL
/// (`BEGIN ATOMIC`) is split; joining the parts gives it back unchanged.
package struct SQLStatements: IteratorProtocol {
    private let script: [UInt8]
    private var position = 0

    package init(_ script: [UInt8]) {
        self.script = script
    }

    /// The next statement, from the end of the previous one through its semicolon.
    package mutating func next() -> ArraySlice<UInt8>? {
        let start = position
        var depth = 0
        while position < script.count {
            if skipWhole() { continue }
            let byte = script[position]
            position += 1
            switch byte {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: ";") where depth <= 0: return script[start..<position]
            default: break
            }
        }
        return start < position ? script[start..<position] : nil
    }

    /// The first place of words outside of quotes and comments; the words themselves may contain quoted names.
    ///
    /// - Parameters:
    ///   - words: The text to find.
    ///   - text: A statement.
    /// - Returns: The range of bytes, nil if the words are not there.
    package static func firstUnquotedRange(of words: ServerText, in text: ServerText) -> Range<Int>? {
        var scanner = SQLStatements(Array(text.utf8))
        let words = Array(words.utf8)
        while scanner.position < scanner.script.count {
            if scanner.script[scanner.position...].starts(with: words) {
                return scanner.position..<(scanner.position + words.count)
            }
            if !scanner.skipWhole() { scanner.position += 1 }
        }
        return nil
    }

    /// The wanted words outside of quotes and comments, as ranges of bytes.
    static func unquotedWords(in text: [UInt8], where isWanted: (ArraySlice<UInt8>) -> Bool) -> [Range<Int>] {
        var scanner = SQLStatements(text)
        var words: [Range<Int>] = []
        while scanner.position < text.count {
            if scanner.skipWhole() { continue }
            let start = scanner.position
            while scanner.position < text.count, isOfName(text[scanner.position]) { scanner.position += 1 }
            if scanner.position == start {
                scanner.position += 1
            } else if isWanted(text[start..<scanner.position]) {
                words.append(start..<scanner.position)
            }
        }
        return words
    }

    /// Whether a text can be inserted into a statement as one part: it does not end the statement, does not close a
    /// parenthesis it did not open, and leaves no quote or comment open.
    package static func isWithinOne(_ part: ServerText) -> Bool {
        // An open quote or comment would swallow this ending.
        let end = Array("\n;".utf8)
        var scanner = SQLStatements(Array(part.utf8) + end)
        var depth = 0
        while scanner.position < scanner.script.count {
            if scanner.skipWhole() { continue }
            let byte = scanner.script[scanner.position]
            scanner.position += 1
            switch byte {
            case UInt8(ascii: "("): depth += 1
            case UInt8(ascii: ")"): depth -= 1
            case UInt8(ascii: ";"): return depth == 0 && scanner.position == scanner.script.count
            default: break
            }
            if depth < 0 { return false }
        }
        return false
    }

    /// Skips a quoted text or a comment; returns whether there was one.
    private mutating func skipWhole() -> Bool {
        let start = position
        let byte = script[position]
        switch byte {
        case UInt8(ascii: "'"): skipQuoted(by: byte, escaping: isEscaping(position))
        case UInt8(ascii: "\""): skipQuoted(by: byte, escaping: false)
        case UInt8(ascii: "$"): skipDollarQuoted()
        case UInt8(ascii: "-") where isFollowed(by: "-"): skip(past: Array("\n".utf8))
        case UInt8(ascii: "/") where isFollowed(by: "*"): skipComment()
        default: break
        }
        return position > start
    }

    package static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), 128...:
            true
        default: false
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool { isOfWord(byte) || byte == UInt8(ascii: "$") }

    private func isFollowed(by next: Unicode.Scalar) -> Bool {
        position + 1 < script.count && script[position + 1] == UInt8(ascii: next)
    }

    /// Whether a quote begins `E'…'`, in which a backslash escapes the next byte.
    private func isEscaping(_ quote: Int) -> Bool {
        guard quote > 0, [UInt8(ascii: "E"), UInt8(ascii: "e")].contains(script[quote - 1]) else { return false }
        return quote == 1 || !Self.isOfWord(script[quote - 2]) && script[quote - 2] != UInt8(ascii: "$")
    }

    /// Skips to the closing quote; a doubled quote is read as the end of one text and the start of another.
    private mutating func skipQuoted(by quote: UInt8, escaping: Bool) {
        position += 1
        while position < script.count, script[position] != quote {
            position += escaping && script[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position = min(position + 1, script.count)
    }

    private mutating func skipDollarQuoted() {
        var end = position + 1
        // A dollar sign within a word is part of the word; a parameter's number is not a tag.
        let isInWord = position > 0 && Self.isOfWord(script[position - 1])
        while end < script.count, Self.isOfWord(script[end]) { end += 1 }
        let isTag =
            !isInWord && end < script.count && script[end] == UInt8(ascii: "$")
            && !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(script[position + 1])
        guard isTag else {
            position += 1
            return
        }
        let tag = Array(script[position...end])
        position = end + 1
        skip(past: tag)
    }

    /// Skips a comment and the comments nested in it.
    private mutating func skipComment() {
        var depth = 1
        position += 2
        while position < script.count, depth > 0 {
            if script[position] == UInt8(ascii: "*"), isFollowed(by: "/") {
                depth -= 1
                position += 2
            } else if script[position] == UInt8(ascii: "/"), isFollowed(by: "*") {
                depth += 1
                position += 2
            } else {
                position += 1
            }
        }
        position = min(position, script.count)
    }

    private mutating func skip(past end: [UInt8]) {
        while position < script.count, !script[position...].starts(with: end) { position += 1 }
        position = min(position + end.count, script.count)
    }
}
