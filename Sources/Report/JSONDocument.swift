import FoundationEssentials
import Postgres

extension Encodable {
    /// The value as a JSON document that people can read as well, always in the same order.
    func document() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Escaping.json(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
