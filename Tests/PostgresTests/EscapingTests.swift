import Foundation
import Postgres
import Testing

@Suite struct `An escaped text` {
    /// Characters that are special in one of the languages that text is inserted into.
    private static let specials: [Unicode.Scalar] = [
        "\"", "'", "\\", "<", ">", "&", "`", "|", "*", "_", "$", ":", ";", "/", "-", "#", "[", "]", "{", "}", "!", "~",
        "\n", "\r", "\t", "\u{1b}", "\u{9b}", "\u{7f}", "\u{2028}",
    ]
    /// Characters that form a grapheme cluster with the one before, or change the text's direction.
    private static let marks: [Unicode.Scalar] = [
        "\u{301}", "\u{338}", "\u{20DD}", "\u{200D}", "\u{200C}", "\u{FE0F}", "\u{E0100}", "\u{200F}", "\u{202E}",
        "\u{2066}", "\u{1F3FB}", "\u{0903}", "\u{1160}",
    ]
    private static let texts: [String] = specials.flatMap { special in
        marks.map { mark in
            var scalars = String.UnicodeScalarView()
            scalars.append(contentsOf: ["a", special, mark, "b", special, special, mark])
            return String(scalars)
        } + [String(special), "a\(String(special))b"]
    }

    /// Reads a quoted text back, scalar by scalar: a doubled quote is a quote, a single one ends the text.
    private func unquoted(_ text: String, _ quote: Unicode.Scalar) -> String? {
        var scalars = Array(text.unicodeScalars)[...]
        guard scalars.popFirst() == quote else { return nil }
        var result = String.UnicodeScalarView()
        while let scalar = scalars.popFirst() {
            guard scalar == quote else {
                result.append(scalar)
                continue
            }
            guard scalars.first == quote else { return scalars.isEmpty ? String(result) : nil }
            result.append(scalars.removeFirst())
        }
        return nil
    }

    private func isSame(_ one: String?, _ other: String) -> Bool {
        one.map { Array($0.utf8) } == Array(other.utf8)
    }

    @Test func `doubles every quote of a name and a literal, whatever follows it`() {
        for text in Self.texts {
            #expect(isSame(unquoted(Escaping.identifier(ServerText(text)), "\""), text), "\(Array(text.utf8))")
            #expect(isSame(unquoted(Escaping.literal(ServerText(text)), "'"), text), "\(Array(text.utf8))")
        }
    }

    @Test func `contains nothing raw that a terminal, a page or Markdown would interpret`() {
        for text in Self.texts {
            let terminal = Escaping.terminal(text)
            #expect(!terminal.unicodeScalars.contains { $0.properties.generalCategory == .control })
            #expect(!terminal.unicodeScalars.contains { $0.properties.generalCategory == .format })
            let markup = Escaping.markup(text)
            for forbidden in ["<", ">", "\"", "'"] as [Unicode.Scalar] {
                #expect(!markup.unicodeScalars.contains(forbidden), "\(markup)")
            }
            // Each ampersand starts a reference written by the tool.
            let references = markup.unicodeScalars.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
            for reference in references {
                let name = String(String.UnicodeScalarView(reference.prefix { $0 != ";" }))
                #expect(["amp", "lt", "gt", "quot", "#39", "#10", "#9"].contains(name), "\(name)")
            }
            #expect(!markup.unicodeScalars.contains { $0.properties.generalCategory == .control })
            let markdown = Escaping.markdown(text)
            #expect(!markdown.unicodeScalars.contains { ["<", ">", "\n", "\u{1b}"].contains($0) })
            var before: Unicode.Scalar?
            for scalar in markdown.unicodeScalars {
                if ["*", "_", "`", "|", "[", "]"].contains(scalar) { #expect(before == "\\", "\(markdown)") }
                before = scalar == "\\" && before == "\\" ? nil : scalar
            }
        }
    }

    @Test func `stays one word in a shell, a connection string and a password file`() async throws {
        for text in Self.texts {
            let word = Escaping.shellWord(text)
            // Between quotes, only a quote is special, and each one is placed outside of them.
            let parts = word.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false)
            #expect(parts.count % 3 == 0 && parts.first?.isEmpty == true && parts.last?.isEmpty == true)
            let value = Array(Escaping.connectionValue(text).unicodeScalars)
            #expect(value.first == "'" && value.last == "'")
            var inside = value.dropFirst().dropLast()
            var read = String.UnicodeScalarView()
            while let scalar = inside.popFirst() {
                #expect(scalar != "'")
                if scalar == "\\", let next = inside.popFirst() { read.append(next) } else { read.append(scalar) }
            }
            #expect(isSame(String(read), text))
            let field = Array(Escaping.passwordField(text).unicodeScalars)
            for (index, scalar) in field.enumerated() where scalar == ":" { #expect(field[index - 1] == "\\") }
        }
    }

    @Test func `of a JSON document has the same meaning`() throws {
        for text in Self.texts {
            let plain = String(decoding: try JSONEncoder().encode([text]), as: UTF8.self)
            let escaped = Escaping.json(plain)
            #expect(!escaped.unicodeScalars.contains { $0.properties.generalCategory == .format })
            let read = try JSONDecoder().decode([String].self, from: Data(escaped.utf8))
            #expect(isSame(read.first, text))
        }
    }

    @Test func `of code is in more backticks than it contains`() {
        #expect(Escaping.markdownCode("a``b`c") == "``` a``b`c ```")
        #expect(Escaping.markdownCode("plain") == "`plain`")
        #expect(Escaping.markdownBlock("```\nx") == "````\n```\nx\n````")
    }
}

@Suite struct `A server's text` {
    private let composed: ServerText = "caf\u{e9}"
    private let decomposed: ServerText = "cafe\u{301}"

    @Test func `is equal only if its bytes are`() {
        #expect(composed.string == decomposed.string, "Swift takes them for the same")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect([composed: 1, decomposed: 2][decomposed] == 2)
        #expect((decomposed < composed) && !(composed < decomposed))
        #expect(Identifier(composed) != Identifier(decomposed))
        #expect(QualifiedName(schema: composed, name: "t") != QualifiedName(schema: decomposed, name: "t"))
        #expect(("A = \(composed.quotedForTest)" as SQL) != ("A = \(decomposed.quotedForTest)" as SQL))
    }

    @Test func `is searched by its bytes`() {
        let text: ServerText = "a \u{301}b\r\nc"
        #expect(text.begins(with: "a "))
        #expect(text.ends(with: "\nc"))
        #expect(text.pieces(between: "\n").map(\.string) == ["a \u{301}b\r", "c"])
        #expect(text.firstRange(of: " ") == 1..<2)
        #expect(text.replacingAll(" ", with: "__").string == "a__\u{301}b\r\nc")
        #expect((("xx" as ServerText).replacingAll("x", with: "xy")) == "xyxy")
        #expect(text.contains("\n") && !text.contains("\n\n"))
        #expect(text.firstRange(of: "", from: 0) == nil)
        #expect(ServerText("ab").dropFirst(1) == "b" && ServerText("ab").dropLast(1) == "a")
        #expect(ServerText("").isEmpty && ServerText("") < "a")
    }
}

extension ServerText {
    fileprivate var quotedForTest: SQL { SQL(trusted: self) }
}
