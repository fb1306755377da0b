import Archive
import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Tidemark

@Suite struct `Fingerprints of lines` {
    @Test func `are made by the hash that is published`() {
        let known: [(String, UInt64)] = [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
        ]
        for (text, hash) in known { #expect(Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } == hash, "\(text)") }
    }

    /// A frame's checksum is the lower half of the same hash, made by zstd itself.
    @Test func `are made by the hash that zstd checks its frames with`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/lines-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var random = SplitMix(seed: 3)
        for count in 1...200 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next(upTo: 256)) }
            let name = "\(count)"
            let frames = try FrameWriter(level: 1) { try NewFile(name, in: folder) }
            try bytes.withUnsafeBytes { try frames.append($0) }
            _ = try frames.finish()
            let checksum = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")).suffix(4)
            let expected = checksum.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let hash = bytes.withUnsafeBytes { XXH64.hash($0) }
            #expect(UInt32(truncatingIfNeeded: hash) == expected, "\(count) bytes")
        }
    }

    @Test func `are the same in any order and differ for any other rows`() {
        func fingerprint(_ lines: [String]) -> String {
            var sum = LineSum()
            for line in lines { Array("\(line)\n".utf8).withUnsafeBytes { sum.add($0) } }
            return "\(sum.rows) \(sum.fingerprint)"
        }
        #expect(fingerprint(["1\ta", "2\tb", "2\tb"]) == fingerprint(["2\tb", "1\ta", "2\tb"]))
        let others = [
            ["1\ta", "2\tb"], ["1\tb", "2\ta"], ["1\ta", "1\ta"], ["2\tb", "2\tb"], ["1\ta", "2\tb", "2\tb"],
        ]
        #expect(Set(others.map(fingerprint)).count == others.count)
    }

    @Test func `are checked without a server`() async throws {
        let schema =
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' FROM generate_series(1, 900) n"
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                try await test.archive().check()
                let generation = try #require(try ArchiveDirectory.open(test.path).generations().last)
                let chunk = try #require(generation.manifest.tables.first?.chunks.first)
                #expect(chunk.fingerprintOf == .line)
                let manifest = URL(fileURLWithPath: "\(generation.folder)/manifest.json")
                let right = try #require(String(bytes: try Data(contentsOf: manifest), encoding: .utf8))
                let wrong = right.replacing("\"\(chunk.fingerprint)\"", with: "\"\(chunk.fingerprint.dropLast())\"")
                try #require(wrong != right)
                try Data(wrong.utf8).write(to: manifest)
                let error = await #expect(throws: ArchiveError.self) { try await test.archive().check() }
                #expect("\(error.map { "\($0)" } ?? "")".contains("\(chunk.written?.name ?? "-")"))
            }
        }
    }
}
