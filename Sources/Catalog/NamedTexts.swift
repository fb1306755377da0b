import FoundationEssentials
package import Postgres

/// Texts by name, kept as the server's JSON document and decoded only when needed.
///
/// A database has tens of thousands of columns, nearly all of them equal on both sides, and equal documents show that at
/// once. If names come from the database (roles), the document is a list of pairs, because JSON readers merge members
/// whose names are canonically equivalent.
package struct NamedTexts: Sendable, Equatable, Codable, ExpressibleByDictionaryLiteral {
    private static let empty: ServerText = "{}"

    private let document: ServerText

    /// - Parameter document: A JSON object whose values are text, or a list of pairs of text.
    init(document: ServerText) {
        self.document = document
    }

    package init(_ texts: [ServerText: ServerText]) {
        let pairs = texts.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }
        // Encoding texts never fails.
        document = (try? JSONEncoder().encode(pairs)).map { ServerText(bytes: $0) } ?? Self.empty
    }

    package init(dictionaryLiteral elements: (ServerText, ServerText)...) {
        self.init(Dictionary(keepingFirst: elements))
    }

    /// All texts, by name.
    package var all: [ServerText: ServerText] {
        guard document != Self.empty else { return [:] }
        let data = Data(document.utf8)
        if document.utf8.first == UInt8(ascii: "[") {
            if let pairs = try? JSONDecoder().decode([[ServerText]].self, from: data),
                pairs.allSatisfy({ $0.count == 2 })
            {
                return Dictionary(keepingFirst: pairs.map { ($0[0], $0[1]) })
            }
        } else if let texts = try? JSONDecoder().decode([String: ServerText].self, from: data) {
            return Dictionary(uniqueKeysWithValues: texts.map { (ServerText($0.key), $0.value) })
        }
        // An unreadable document must not look empty.
        return ["document": document]
    }

    package subscript(_ name: ServerText) -> ServerText? { all[name] }

    package static func == (left: NamedTexts, right: NamedTexts) -> Bool {
        left.document == right.document || left.all == right.all
    }

    package init(from decoder: any Decoder) throws {
        if let pairs = try? [[ServerText]](from: decoder) {
            self.init(
                Dictionary(keepingFirst: pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) })
            )
        } else {
            let texts = try [String: ServerText](from: decoder)
            self.init(Dictionary(uniqueKeysWithValues: texts.map { (ServerText($0.key), $0.value) }))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        try all.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }.encode(to: encoder)
    }
}
