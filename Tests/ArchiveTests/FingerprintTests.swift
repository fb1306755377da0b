import Archive
import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Tidemark

@Suite struct `Fingerprints of lines` {
    @Test func `use the published hash`() {
        let known: [(String, UInt64)] = [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
        ]
        for (text, hash) in known { #expect(Array(text.utf8).withUnsafeBytes { XXH64.hash($0) } == hash, "\(text)") }
    }

    /// A frame's checksum is the lower half of the same hash, computed by zstd itself.
    @Test func `use the hash of zstd's frame checksums`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/lines-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var random = SplitMix(seed: 3)
        for count in 1...200 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next(upTo: 256)) }
            let name = "\(count)"
            let frames = try FrameWriter(Compression(level: 1)) { try NewFile(name, in: folder) }
            try bytes.withUnsafeBytes { try frames.append($0) }
            _ = try frames.finish()
            let checksum = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")).suffix(4)
            let expected = checksum.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let hash = bytes.withUnsafeBytes { XXH64.hash($0) }
            #expect(UInt32(truncatingIfNeeded: hash) == expected, "\(count) bytes")
        }
    }

    @Test func `are the same in any order and differ for different rows`() {
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
                #expect("\(error.map { "\($0)" } ?? "")".contains("\(chunk.written.first?.name ?? "-")"))
            }
        }
    }
}

@Suite struct `Files of rows` {
    private static let schema = """
        CREATE TABLE heap (n int, v text);
        INSERT INTO heap SELECT n, md5(n::text) || md5((n * 3)::text) FROM generate_series(1, 60000) n;
        INSERT INTO heap VALUES (0, repeat('long', 700000)), (-1, ''), (-2, NULL)
        """

    @Test(arguments: Cases.some(1, of: [0, 1, 3])) func `are split when they are large, and written by several threads`(
        threads: Int
    )
        async throws
    {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive {
                    $0.threads = threads
                    $0.splitBytes = 1 << 20
                }
                _ = try await archive.dump(from: pair.source.endpoint)
                try await archive.check()
                let generation = try #require(try ArchiveDirectory.open(test.path).generations().last)
                let chunk = try #require(generation.manifest.tables.first?.chunks.first)
                #expect(chunk.written.count > 2)
                #expect(chunk.written.dropLast().allSatisfy { $0.bytes >= 1 << 20 && $0.bytes < 5 << 20 })
                #expect(chunk.written.reduce(0) { $0 + $1.rows } == 60003)
                // After a change, a table without a key is written in full.
                try await pair.source.run("DELETE FROM heap WHERE n % 2 = 0")
                _ = try await archive.dump(from: pair.source.endpoint)
                try await test.withEmptyTarget("split") { target in
                    let report = try await test.archive().restore(to: target.endpoint)
                    #expect(report.outcome == .done, "\(report.text)")
                    #expect(try await target.contents() == pair.source.contents())
                }
            }
        }
    }

    @Test func `hold the same rows with any number of compression threads`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/frames-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var sums: Set<LineSum> = []
        var frames: Set<Int> = []
        for threads in [0, 1, 2, 5] {
            var random = SplitMix(seed: 9)
            let writer = try FrameWriter(Compression(level: 3, threads: threads)) {
                try NewFile("0000000\(threads).zst", in: folder)
            }
            for number in 0..<40000 {
                let length = number % 9000 == 7 ? 1_500_000 : random.next(upTo: 300)
                let row = (0..<length).map { _ in UInt8(97 + random.next(upTo: 4)) } + [10]
                try row.withUnsafeBytes { try writer.append($0) }
            }
            let file = try #require(try writer.finish().first)
            var sum = LineSum()
            try FrameReader(file, in: folder).readRows { sum.add($0) }
            #expect(sum.rows == 40000)
            sums.insert(sum)
            frames.insert(file.frames)
        }
        #expect(sums.count == 1 && frames.count == 1)
    }
}
