import Crypto
import FoundationEssentials
import Postgres

/// What values of a table's own types mean: which labels its enums have, which attributes its composite types.
///
/// Either may change without any row being written. Labels that have come since are in none of the rows that were
/// there, so that what was proven of them is not touched; everything else is.
package struct TypeMeaning: Sendable, Hashable, Codable {
    /// Of all parts that were there.
    private let digest: String
    /// The youngest label among them, by its object id.
    private let newestLabel: UInt32
    /// The parts themselves; only of what was read a moment ago.
    private let parts: [ServerText]?

    private enum CodingKeys: CodingKey { case digest, newestLabel }

    /// - Parameter parts: As ``Table/typeParts`` tells them.
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

    /// Whether values that were there still mean what they meant.
    ///
    /// - Parameter now: What was read now.
    /// - Returns: False also where that cannot be told.
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

    /// The object id in `label 16399 name`; nil for a part of another kind.
    private static func label(_ part: ServerText) -> UInt32? {
        let words = part.pieces(between: " ", maxSplits: 2)
        return words.first == "label" && words.count > 1 ? UInt32(words[1].string) : nil
    }
}
