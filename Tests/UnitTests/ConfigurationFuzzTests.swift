import Foundation
import TestSupport
import Testing
import Tidemark

@testable import TidemarkCLI

/// A file that people write by hand: whatever is in it, reading it ends with options or with an error.
@Suite struct `A configuration file of any content` {
    /// How many files are read; scripts/test-long asks for more.
    private static let count = ProcessInfo.processInfo.environment["TIDEMARK_YAML_FILES"].flatMap(Int.init) ?? 3000

    private static let original = """
        # comment
        jobs: 7
        chunk_size: 32MB
        max_transaction: 30
        exclude_schemas: [audit, '"Two words"', "a,b"]
        tables:
          public.a: excluded
          public."B c": &anchor
            treatment: append_only
            where: id > 7
            immutable_below: 100
          public.d: *anchor
        """

    /// Pieces that mean something to YAML, to Unicode, or to nothing.
    private static let pieces = [
        "&a [*a]", "*b", "!!binary |", "!!float .inf", "? : ", "---\n", "...", "%YAML 9\n", "\t", "\u{0}", "\u{FEFF}",
        "\r", "{{{{",
        "[[[[", "- - - -", "|+9\n", ">\n", "'", "\"\\x", "\\U0010FFFF", "<<: *anchor", "~", "0x7fffffffffffffffffffff",
        "-0",
        "1e999", "99999999999999999999MB", "\u{202E}", "é", "e\u{301}", "🏳️‍🌈", "\u{85}", "\u{2028}", ": :", "public.",
        "\"\".\"\"", "@`",
    ]

    private static func file(_ random: inout SplitMix) -> String {
        var bytes = Array(original.utf8)
        for _ in 0...random.next(upTo: 6) {
            let place = random.next(upTo: bytes.count + 1)
            switch random.next(upTo: 4) {
            case 0: bytes.insert(contentsOf: Array(pieces[random.next(upTo: pieces.count)].utf8), at: place)
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.next(upTo: 20)))
            case 2 where place < bytes.count: bytes[place] = UInt8(random.next(upTo: 256))
            default:
                let end = min(bytes.count, place + random.next(upTo: 40))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: random.next(upTo: bytes.count + 1))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `is read or refused with the place`() {
        var random = SplitMix(seed: 20_261_129)
        var refused = 0
        for _ in 0..<Self.count {
            let text = Self.file(&random)
            var options = MigrationOptions()
            do {
                try ConfigurationFile.read(text, from: "t.yaml", into: &options)
            } catch {
                refused += 1
                #expect("\(error)".contains("t.yaml"), "\(error) for \(text.debugDescription)")
            }
        }
        #expect(refused > Self.count / 4 && refused < Self.count, "\(refused) were refused")
    }
}
