import Archive
import FoundationEssentials
import Glibc
import Postgres

// libFuzzer calls this with inputs that it derives from earlier ones by what code they reached
// (https://llvm.org/docs/LibFuzzer.html). Whatever comes, a parser returns a value or throws; a trap ends the program.

/// The parser that `TIDEMARK_FUZZ` names; scripts/fuzz-parsers runs one after the other.
private let parser = Parser(rawValue: getenv("TIDEMARK_FUZZ").map { String(cString: $0) } ?? "")

private enum Parser: String {
    case manifest, frame, tar, snapshot, statements, connection

    func parse(_ bytes: [UInt8]) throws {
        switch self {
        case .manifest:
            try write(bytes, "generation-000000/manifest.json")
            for generation in try ArchiveDirectory.open(scratch).generations() {
                try ArchiveDirectory.check(generation)
            }
        case .frame:
            try write(bytes, "generation-000000/00000001.zst")
            let entry = FileEntry(
                name: "00000001.zst",
                bytes: bytes.count,
                sha256: "",
                contentBytes: 100,
                rows: 1,
                frames: 1
            )
            try FrameReader(entry, in: "\(scratch)/generation-000000").readRows(longest: 1 << 20) { _ in }
        case .tar:
            try write(bytes, "stream")
            let stream = open("\(scratch)/stream", O_RDONLY)
            defer { close(stream) }
            let folder = "\(scratch)/unpacked"
            try? FileManager.default.removeItem(atPath: folder)
            mkdir(folder, 0o700)
            try TarReader(stream).unpack(into: folder)
        case .snapshot: _ = Snapshot(String(decoding: bytes, as: UTF8.self))
        case .statements:
            var statements = SQLStatements(bytes)
            var joined = 0
            while let statement = statements.next() { joined += statement.count }
            // The parts are the whole.
            precondition(joined == bytes.count)
            _ = SQLStatements.isWithinOne(ServerText(String(decoding: bytes, as: UTF8.self)))
        case .connection: _ = try Endpoint(String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self), side: .source)
        }
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(scratch)/\(name)"))
    }
}

/// An archive without generations.
private let scratch: String = {
    let base = getenv("TIDEMARK_FUZZ_ARCHIVE").map { String(cString: $0) } ?? "."
    mkdir("\(base)/generation-000000", 0o700)
    return base
}()

/// Parses one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let parser else { fatalError("TIDEMARK_FUZZ names no parser") }
    try? parser.parse(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
