import Crypto
import FoundationEssentials
import Postgres

/// The meaning of values of a table's user-defined types: the labels of its enums, the attributes of its composite types.
///
/// Either may change without a write to any row. New labels cannot occur in existing rows, so earlier proofs remain
/// valid; any other change invalidates them.
package struct TypeMeaning: Sendable, Hashable, Codable {
    /// The digest of all parts.
    private let digest: String
    /// The newest label among them, by its object id.
    private let newestLabel: UInt32
    /// The parts themselves; nil if the value was decoded instead of read from the server.
    private let parts: [ServerText]?

    private enum CodingKeys: CodingKey { case digest, newestLabel }

    /// - Parameter parts: The parts as in ``Table/typeParts``.
    init(_ parts: [ServerText]) {
        self.parts = parts
        digest = Self.digest(parts)
        newestLabel = parts.compactMap(Self.label).max() ?? 0
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        digest = try container.decode(String.self, forKey: .digest)
        newestLabel = try container.decode(UInt32.self, forKey: .newestLabel)
        parts = nil
    }

    /// Whether earlier values still have the same meaning.
    ///
    /// - Parameter now: The meaning read now.
    /// - Returns: Whether they have; false also if it cannot be determined.
    func holds(now: TypeMeaning) -> Bool {
        if digest == now.digest { return true }
        guard let parts = now.parts else { return false }
        return digest == Self.digest(parts.filter { Self.label($0).map { $0 <= newestLabel } ?? true })
    }

    private static func digest(_ parts: [ServerText]) -> String {
        let text = parts.sorted().map { $0.string + "\n" }.joined()
        return SHA256.hash(data: Data(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            .joined()
    }

    /// The object id in `label 16399 name`; nil for other kinds of parts.
    private static func label(_ part: ServerText) -> UInt32? {
        let words = part.pieces(between: " ", maxSplits: 2)
        return words.first == "label" && words.count > 1 ? UInt32(words[1].string) : nil
    }
}
