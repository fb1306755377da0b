import FoundationEssentials
package import Postgres

/// Texts by name, kept as the document the server wrote until somebody asks for one.
///
/// A database has tens of thousands of columns, and nearly all of them are the same on both sides: that the documents
/// are the same tells it at once. Where names are a database's own (roles) the document is a list of pairs, since
/// readers of JSON take members of an object for the same whose names only look the same.
package struct NamedTexts: Sendable, Equatable, Codable, ExpressibleByDictionaryLiteral {
    private static let empty: ServerText = "{}"

    private let document: ServerText

    /// - Parameter document: A JSON object whose values are text, or a list of pairs of text.
    init(document: ServerText) {
        self.document = document
    }

    package init(_ texts: [ServerText: ServerText]) {
        let pairs = texts.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }
        // Texts are always written.
        document = (try? JSONEncoder().encode(pairs)).map { ServerText(bytes: $0) } ?? Self.empty
    }

    package init(dictionaryLiteral elements: (ServerText, ServerText)...) {
        self.init(Dictionary(elements, uniquingKeysWith: { first, _ in first }))
    }

    /// All of them, by name.
    package var all: [ServerText: ServerText] {
        guard document != Self.empty else { return [:] }
        let data = Data(document.utf8)
        if document.utf8.first == UInt8(ascii: "[") {
            if let pairs = try? JSONDecoder().decode([[ServerText]].self, from: data),
                pairs.allSatisfy({ $0.count == 2 })
            {
                return Dictionary(pairs.map { ($0[0], $0[1]) }, uniquingKeysWith: { first, _ in first })
            }
        } else if let texts = try? JSONDecoder().decode([String: ServerText].self, from: data) {
            return Dictionary(uniqueKeysWithValues: texts.map { (ServerText($0.key), $0.value) })
        }
        // What cannot be read must not look like nothing.
        return ["document": document]
    }

    package subscript(_ name: ServerText) -> ServerText? { all[name] }

    package static func == (left: NamedTexts, right: NamedTexts) -> Bool {
        left.document == right.document || left.all == right.all
    }

    package init(from decoder: any Decoder) throws {
        if let pairs = try? [[ServerText]](from: decoder) {
            self.init(
                Dictionary(
                    pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) },
                    uniquingKeysWith: { first, _ in first }
                )
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
