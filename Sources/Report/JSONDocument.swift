import FoundationEssentials
import Postgres

extension Encodable {
    /// Returns the value as an indented JSON document with sorted keys.
    func document() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Escaping.json(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
