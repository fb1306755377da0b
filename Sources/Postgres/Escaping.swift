/// Escapes text for other languages, one Unicode scalar at a time.
///
/// Never by `Character`: `"` or `<` followed by a combining mark is a single `Character` that equals neither.
package enum Escaping {
    /// A name in SQL: in double quotes, with quotes inside doubled (PostgreSQL manual 4.1.1).
    package static func identifier(_ text: ServerText) -> String { quoted(text, "\"") }

    /// A string constant in SQL.
    ///
    /// Doubling the quotes is enough: every session pins `standard_conforming_strings`, and Swift's strings are valid
    /// Unicode (CVE-2025-1094 was about invalid UTF-8).
    package static func literal(_ text: ServerText) -> String { quoted(text, "'") }

    /// A value in a connection string (PostgreSQL manual 34.1.1.1).
    package static func connectionValue(_ text: String) -> String {
        "'" + each(text) { $0 == "'" || $0 == "\\" ? "\\" + String($0) : nil } + "'"
    }

    /// A word of a session's `options` (PostgreSQL manual 34.1.2).
    package static func optionValue(_ text: String) -> String {
        each(text) { $0.properties.isWhitespace || $0 == "\\" ? "\\" + String($0) : nil }
    }

    /// A field of a password file (PostgreSQL manual 34.16).
    package static func passwordField(_ text: String) -> String {
        each(text) { $0 == ":" || $0 == "\\" ? "\\" + String($0) : nil }
    }

    /// One word of a POSIX shell: in single quotes, with single quotes inside written as `'\\''`.
    package static func shellWord(_ text: String) -> String {
        "'" + each(text) { $0 == "'" ? "'\\''" : nil } + "'"
    }

    /// One line for a terminal or a log; characters that move the cursor, end the line or change its direction are
    /// spelt out.
    ///
    /// - Parameters:
    ///   - text: Any text.
    ///   - lines: Whether line ends and tabs stay as they are.
    /// - Returns: The text to print.
    package static func terminal(_ text: String, lines: Bool = false) -> String {
        each(text) { isVisible($0) || lines && ($0 == "\n" || $0 == "\t") ? nil : spelt($0) }
    }

    /// Text or a quoted attribute of HTML and XML, which forbid most control characters even as references.
    package static func markup(_ text: String) -> String {
        each(text) { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&#39;"
            // Parsers turn white space in an attribute into a blank unless it is written as a reference.
            case "\n": "&#10;"
            case "\t": "&#9;"
            // Not characters in XML (Extensible Markup Language 1.0, 2.2).
            case "\u{FFFE}", "\u{FFFF}": spelt(scalar)
            default: isVisible(scalar) ? nil : spelt(scalar)
            }
        }
    }

    /// Text of Markdown on one line, with nothing in it read as markup or HTML.
    package static func markdown(_ text: String) -> String {
        each(text) { scalar in
            switch scalar {
            case "\n", "\t": " "
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\\", "`", "*", "_", "[", "]", "#", "!", "|", "~", "$": "\\" + String(scalar)
            default: isVisible(scalar) ? nil : spelt(scalar)
            }
        }
    }

    /// Inline code of Markdown on one line, in as many backticks as needed (CommonMark 0.31, 6.1).
    package static func markdownCode(_ text: String) -> String {
        let line = each(text) { $0 == "\n" || $0 == "\t" ? " " : isVisible($0) ? nil : spelt($0) }
        var (longest, run) = (0, 0)
        for scalar in line.unicodeScalars {
            run = scalar == "`" ? run + 1 : 0
            longest = max(longest, run)
        }
        guard longest > 0 else { return "`\(line)`" }
        let fence = String(repeating: "`", count: longest + 1)
        return "\(fence) \(line) \(fence)"
    }

    /// A code block of Markdown, in a fence longer than any run of backticks inside (CommonMark 0.31, 4.5).
    package static func markdownBlock(_ text: String) -> String {
        let lines = terminal(text, lines: true)
        var (longest, run) = (2, 0)
        for scalar in lines.unicodeScalars {
            run = scalar == "`" ? run + 1 : 0
            longest = max(longest, run)
        }
        let fence = String(repeating: "`", count: longest + 1)
        return "\(fence)\n\(lines)\n\(fence)"
    }

    /// A JSON document with invisible characters written as equivalent escape sequences (RFC 8259, 7).
    package static func json(_ document: String) -> String {
        each(document) { scalar in
            guard !scalar.isASCII || scalar.value == 127, !isVisible(scalar) else { return nil }
            return String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }

    // MARK: Steps

    private static func quoted(_ text: ServerText, _ quote: Unicode.Scalar) -> String {
        let byte = UInt8(ascii: quote)
        var bytes: [UInt8] = [byte]
        bytes.reserveCapacity(text.utf8.count + 2)
        for next in text.utf8 {
            bytes.append(next)
            if next == byte { bytes.append(byte) }
        }
        bytes.append(byte)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func each(_ text: String, _ escape: (Unicode.Scalar) -> String?) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let other = escape(scalar) {
                result.append(contentsOf: other.unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar.value >= 32 && scalar.value < 127 }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    private static func spelt(_ scalar: Unicode.Scalar) -> String {
        "\\u{" + String(scalar.value, radix: 16) + "}"
    }
}

extension String {
    /// The text on one line, for people: see ``Escaping/terminal(_:lines:)``.
    package var visible: String { Escaping.terminal(self) }
}

extension ServerText {
    /// The text on one line, for people: see ``Escaping/terminal(_:lines:)``.
    package var visible: String { Escaping.terminal(string) }
}
