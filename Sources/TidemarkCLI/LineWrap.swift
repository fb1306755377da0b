/// Breaks long lines between words, for a terminal that would break them anywhere.
enum LineWrap {
    /// Returns the text with no line longer than the width, except for single words.
    ///
    /// - Parameters:
    ///   - text: Lines of text.
    ///   - width: The most columns of a line.
    /// - Returns: The text; the rest of a broken line is indented as the line, and two columns more.
    static func wrapped(_ text: String, to width: Int) -> String {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .flatMap { lines(String(decoding: $0, as: UTF8.self), width) }.joined(separator: "\n")
    }

    /// Breaks one line.
    ///
    /// - Parameters:
    ///   - line: The line.
    ///   - width: The most columns of a line.
    /// - Returns: The lines.
    static func lines(_ line: String, _ width: Int) -> [String] {
        guard line.count > width else { return [line] }
        let indent = line.utf8.prefix { $0 == UInt8(ascii: " ") }.count
        let hanging = String(repeating: " ", count: min(indent + 2, width / 2))
        var lines: [String] = []
        var current = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in line.utf8.dropFirst(indent).split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
            let word = String(decoding: word, as: UTF8.self)
            if isEmpty {
                current += word
            } else if current.count + 1 + word.count <= width {
                current += " " + word
            } else {
                lines.append(current)
                current = hanging + word
            }
            isEmpty = false
        }
        return lines + [current]
    }
}
