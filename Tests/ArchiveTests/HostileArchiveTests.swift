import Archive
import FoundationEssentials
import Glibc
import Planning
import Postgres
import TestSupport
import Testing
import Tidemark

@Suite struct `A damaged or hostile archive` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 40) n;
        CREATE TABLE w (v text); INSERT INTO w VALUES ('a'), ('b')
        """

    /// Runs a test with a base and a delta that has a keep list, and with a way to recreate them.
    private static func with(
        _ schema: String = schema,
        _ body: (TestArchive, DatabasePair) async throws -> Void
    ) async throws {
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive { $0.options.plan.wholeBelowBytes = 0 }
                // Beside an old transaction of another test, all rows would look written, and the delta would replace the base.
                try await pair.source.untilMarksTell()
                _ = try await archive.dump(from: pair.source.endpoint)
                try await pair.source.run("DELETE FROM t WHERE id = 3; UPDATE t SET v = 'x' WHERE id = 7")
                _ = try await archive.dump(from: pair.source.endpoint)
                try await archive.check()
                try await body(test, pair)
            }
        }
    }

    private static func files(of path: String) throws -> [String] {
        let manager = FileManager.default
        return try manager.contentsOfDirectory(atPath: path).sorted().flatMap { name -> [String] in
            let inner = "\(path)/\(name)"
            guard name.hasPrefix("generation-") else { return [inner] }
            return try manager.contentsOfDirectory(atPath: inner).sorted().map { "\(inner)/\($0)" }
        }
    }

    private static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
    private static func write(_ bytes: Data, _ path: String) throws { try bytes.write(to: URL(fileURLWithPath: path)) }

    private static func isRefused(_ test: TestArchive) async -> Bool {
        do {
            try await test.archive().check()
            return false
        } catch is ArchiveError {
            return true
        } catch {
            Issue.record("not an error of the archive: \(error)")
            return true
        }
    }

    /// By the fingerprint if the client hashed the lines; by their number where the server hashed values, because a
    /// generated column is not in the files.
    @Test(arguments: [ArchivedChunk.Hashed.line, .values])
    func `is refused if a chunk lacks a row`(_ hashed: ArchivedChunk.Hashed) async throws {
        try await DatabasePair.with(
            Self.schema + """
                ; CREATE TABLE g (id int PRIMARY KEY, d int GENERATED ALWAYS AS (id * 2) STORED);
                INSERT INTO g SELECT n FROM generate_series(1, 40) n
                """
        ) { pair in
            try await TestArchive.with(pair) { test in
                let archive = test.archive { $0.options.plan.wholeBelowBytes = 0 }
                _ = try await archive.dump(from: pair.source.endpoint)
                let generation = try #require(try ArchiveDirectory.open(test.path).generations().last)
                let chunk = try #require(
                    generation.manifest.tables.flatMap(\.chunks).first { $0.fingerprintOf == hashed && $0.rows > 1 }
                )
                let entry = try #require(chunk.written.first)
                let rows = try await Command.program("zstd", ["-dc", "\(generation.folder)/\(entry.name)"]).output
                let fewer = FileManager.default.temporaryDirectory.path + "/fewer-\(UUID().uuidString)"
                defer { try? FileManager.default.removeItem(atPath: fewer) }
                try Data(rows.split(separator: "\n").dropLast().map { $0 + "\n" }.joined().utf8)
                    .write(to: URL(fileURLWithPath: fewer))
                try await RewrittenArchive(path: test.path).fill(entry, 0, with: "cat \(fewer)")
                let error = await #expect(throws: ArchiveError.self) { try await test.archive().check() }
                #expect(error?.message.contains(hashed == .line ? "fingerprint mismatch" : "rows instead of") == true)
            }
        }
    }

    @Test func `is refused for each single changed bit`() async throws {
        try await Self.with { test, _ in
            var tried = 0
            for generation in try ArchiveDirectory.open(test.path).generations() {
                for entry in generation.manifest.files {
                    let file = "\(generation.folder)/\(entry.name)"
                    let right = try Self.bytes(file)
                    let descriptor = open(file, O_WRONLY)
                    defer { close(descriptor) }
                    for bit in 0..<right.count * 8 {
                        var (byte, whole) = (right[bit / 8] ^ UInt8(1 << (bit % 8)), right[bit / 8])
                        #expect(pwrite(descriptor, &byte, 1, bit / 8) == 1)
                        defer { pwrite(descriptor, &whole, 1, bit / 8) }
                        tried += 1
                        let reading = {
                            if entry.frames == 0 {
                                try KnownFile(entry, in: generation.folder).read { _ in }
                            } else {
                                try FrameReader(entry, in: generation.folder).read { _ in }
                            }
                        }
                        #expect(throws: ArchiveError.self, "\(file) bit \(bit)") { try reading() }
                    }
                }
            }
            #expect(tried > 100_000)
            try await test.archive().check()
        }
    }

    @Test(.onceIn(3)) func `is refused for a changed bit anywhere in a larger file`() async throws {
        let schema = """
            CREATE TABLE t (id int PRIMARY KEY, v text);
            INSERT INTO t SELECT n, md5(n::text) || repeat(md5((n * 7)::text), 3) FROM generate_series(1, 120000) n
            """
        try await DatabasePair.with(schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive { $0.options.plan.chunkBytes = 64 << 20 }.dump(from: pair.source.endpoint)
                try await self.flipThousand(test)
            }
        }
    }

    private func flipThousand(_ test: TestArchive) async throws {
        let generation = try #require(try ArchiveDirectory.open(test.path).generations().first)
        let files = generation.manifest.files.filter { $0.frames > 1 }
        try #require(files.reduce(0) { $0 + $1.bytes } > 4_000_000)
        var random = SplitMix(seed: 11)
        for _ in 0..<1000 {
            let entry = files[random.next(upTo: files.count)]
            let descriptor = open("\(generation.folder)/\(entry.name)", O_RDWR)
            defer { close(descriptor) }
            let bit = random.next(upTo: entry.bytes * 8)
            var whole: UInt8 = 0
            #expect(pread(descriptor, &whole, 1, bit / 8) == 1)
            var byte = whole ^ UInt8(1 << (bit % 8))
            #expect(pwrite(descriptor, &byte, 1, bit / 8) == 1)
            #expect(throws: ArchiveError.self, "\(entry.name) bit \(bit)") {
                try FrameReader(entry, in: generation.folder).read { _ in }
            }
            #expect(pwrite(descriptor, &whole, 1, bit / 8) == 1)
        }
        try await test.archive().check()
    }

    @Test func `is refused for each changed bit of a manifest that has a successor`() async throws {
        try await Self.with { test, _ in
            let file = "\(test.path)/generation-000000/manifest.json"
            let right = try Self.bytes(file)
            // Every seventh bit: each bit position occurs.
            for bit in stride(from: 0, to: right.count * 8, by: 7) {
                var wrong = right
                wrong[bit / 8] ^= UInt8(1 << (bit % 8))
                try Self.write(wrong, file)
                #expect(throws: ArchiveError.self, "bit \(bit)") {
                    _ = try ArchiveDirectory.open(test.path).generations()
                }
            }
            try Self.write(right, file)
        }
    }

    @Test func `is refused when a file is truncated, longer, empty, or replaced by another file`() async throws {
        try await Self.with { test, _ in
            for file in try Self.files(of: test.path) where !file.hasSuffix("archive.json") {
                let right = try Self.bytes(file)
                for wrong in [
                    right.dropLast(), right.dropFirst(), Data(), right + right, right + Data([0]),
                    // A skippable frame, which zstd itself ignores.
                    right + Data([0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]), Data(right.reversed()),
                ] {
                    try Self.write(Data(wrong), file)
                    #expect(await Self.isRefused(test), "\(file)")
                }
                try Self.write(right, file)
                for other in try Self.files(of: test.path) where other != file && !other.hasSuffix("archive.json") {
                    let theirs = try Self.bytes(other)
                    guard theirs != right else { continue }
                    try Self.write(theirs, file)
                    #expect(await Self.isRefused(test), "\(other) as \(file)")
                }
                try Self.write(right, file)
            }
        }
    }

    @Test(.onceIn(2)) func `is refused when files are links, FIFOs, folders or missing, or have invalid names`()
        async throws
    {
        try await Self.with { test, _ in
            for file in try Self.files(of: test.path) where !file.hasSuffix("archive.json") {
                let right = try Self.bytes(file)
                let aside = test.path + "-aside"
                try Self.write(right, aside)
                defer { unlink(aside) }
                for place: () -> Int32 in [
                    { symlink(aside, file) }, { mkfifo(file, 0o600) }, { mkdir(file, 0o700) },
                    { symlink("/dev/zero", file) },
                    { 0 },
                ] {
                    unlink(file)
                    #expect(place() == 0)
                    // A last generation without a manifest was never finished.
                    let isUnfinished = file.hasSuffix("generation-000001/manifest.json") && access(file, F_OK) != 0
                    if !isUnfinished { #expect(await Self.isRefused(test), "\(file)") }
                    rmdir(file)
                    unlink(file)
                }
                try Self.write(right, file)
            }
            let manifest = "\(test.path)/generation-000001/manifest.json"
            let right = String(decoding: try Self.bytes(manifest), as: UTF8.self)
            for name in [
                "../archive.json", "/etc/passwd", "0000001.zst", "00000001.zst/..", "00000001.sql", "", "0000000١.zst",
            ] {
                let wrong = right.replacing("\"name\":\"00000003.zst\"", with: "\"name\":\"\(name)\"")
                #expect(wrong != right)
                try Self.write(Data(wrong.utf8), manifest)
                #expect(await Self.isRefused(test), "\(name)")
            }
            let newer = right.replacing("\"format\":1", with: "\"format\":2")
            try Self.write(Data(newer.utf8), manifest)
            #expect(await Self.isRefused(test))
            try Self.write(Data(right.utf8), manifest)
        }
    }

    @Test func `is refused when a generation is missing or from another archive`() async throws {
        try await Self.with { test, pair in
            let folders = (0...2).map { "\(test.path)/generation-00000\($0)" }
            rename(folders[0], folders[2])
            #expect(await Self.isRefused(test))
            rename(folders[2], folders[0])
            rename(folders[1], folders[2])
            #expect(await Self.isRefused(test))
            rename(folders[2], folders[1])
            try await TestArchive.with(pair) { other in
                let archive = other.archive { $0.options.plan.wholeBelowBytes = 0 }
                _ = try await archive.dump(from: pair.source.endpoint)
                _ = try await archive.dump(from: pair.source.endpoint)
                rename(folders[1], folders[2])
                rename("\(other.path)/generation-000001", folders[1])
                #expect(await Self.isRefused(test))
            }
        }
    }

    @Test func `commits no row of a damaged file, and restores the intact files`() async throws {
        try await Self.with { test, pair in
            // The other table is in the delta once more, as a whole: its first file is not read.
            let base = "\(test.path)/generation-000000"
            let manifest = try JSONDecoder().decode(Manifest.self, from: Self.bytes("\(base)/manifest.json"))
            let written = manifest.tables.first { $0.name == "t" }?.chunks.flatMap(\.written)
            let file = "\(base)/\(try #require(written?.last).name)"
            let right = try Self.bytes(file)
            var wrong = right
            wrong[wrong.count - 1] ^= 1
            try Self.write(wrong, file)
            await #expect(throws: ArchiveError.self) { _ = try await test.archive().restore(to: pair.target.endpoint) }
            let rows = try await pair.target.contents()
            #expect(rows.values.contains { $0.isEmpty }, "\(rows.mapValues(\.count))")
            try Self.write(right, file)
            let report = try await test.archive().restore(to: pair.target.endpoint)
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.contents() == pair.source.contents())
        }
    }

    @Test func `cannot fill the memory or the disk`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/bomb-" + UUID().uuidString
        mkdir(folder, 0o700)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // A gigabyte of zeros in one frame of a few kilobytes.
        let made = try await Command.program(
            "bash",
            ["-c", "head -c 1073741824 /dev/zero | zstd -q --long=27 -o '\(folder)/00000001.zst'"]
        )
        #expect(made.code == 0)
        let bytes = try Self.bytes("\(folder)/00000001.zst")
        let hash = try await Command.program("sha256sum", ["\(folder)/00000001.zst"])
        for promised in [1000, 1 << 30] {
            let entry = FileEntry(
                name: "00000001.zst",
                bytes: bytes.count,
                sha256: String(hash.output.prefix(64)),
                contentBytes: promised,
                rows: 0,
                frames: 1
            )
            var handed = 0
            #expect(throws: ArchiveError.self) {
                try FrameReader(entry, in: folder).read { handed += $0.count }
            }
            // The frame's window alone is larger than any frame this tool writes.
            #expect(handed <= 1 << 20)
        }
    }

    @Test(.onceIn(2)) func `is not written by two processes at once`() async throws {
        try await Self.with { test, pair in
            let descriptor = open("\(test.path)/archive.json", O_RDONLY)
            defer { close(descriptor) }
            #expect(flock(descriptor, LOCK_EX) == 0)
            await #expect(throws: ArchiveError.self) { _ = try await test.archive().dump(from: pair.source.endpoint) }
        }
    }
}
