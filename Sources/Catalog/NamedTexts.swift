import FoundationEssentials

/// Texts by name, kept as the document the server wrote until somebody asks for one.
///
/// A database has tens of thousands of columns, and nearly all of them are the same on both sides: that the documents
/// are the same tells it at once.
package struct NamedTexts: Sendable, Equatable, Codable, ExpressibleByDictionaryLiteral {
    private static let empty = "{}"

    private let document: String

    /// - Parameter document: A JSON object whose values are text.
    init(document: String) {
        self.document = document
    }

    package init(_ texts: [String: String]) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Texts are always written.
        document = (try? encoder.encode(texts)).map { String(decoding: $0, as: UTF8.self) } ?? Self.empty
    }

    package init(dictionaryLiteral elements: (String, String)...) {
        self.init(Dictionary(elements, uniquingKeysWith: { first, _ in first }))
    }

    /// All of them, by name.
    package var all: [String: String] {
        guard document != Self.empty else { return [:] }
        let texts = try? JSONDecoder().decode([String: String].self, from: Data(document.utf8))
        // What cannot be read must not look like nothing.
        return texts ?? ["document": document]
    }

    package subscript(_ name: String) -> String? { all[name] }

    package static func == (left: NamedTexts, right: NamedTexts) -> Bool {
        left.document == right.document || left.all == right.all
    }

    package init(from decoder: any Decoder) throws {
        self.init(try [String: String](from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        try all.encode(to: encoder)
    }
}
