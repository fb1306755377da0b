import Archive
import Foundation

/// 64 MB of lines of COPY text, the same in every run.
struct Rows: Sendable {
    static let shared = Rows()

    private let bytes: [UInt8]
    private let ends: [Int]

    private init() {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        var state: UInt64 = 1
        while bytes.count < 64 << 20 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let line =
                "\(ends.count)\t\(state >> 50)\tclick\t{\"ip\": \"10.0.\(state >> 56).1\", \"n\": \(state >> 40)}\t\\N\t2024-01-01 00:00:00+00\n"
            bytes.append(contentsOf: line.utf8)
            ends.append(bytes.count)
        }
        self.bytes = bytes
        self.ends = ends
    }

    func forEach(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { whole in
            var start = 0
            for end in ends {
                try body(UnsafeRawBufferPointer(rebasing: whole[start..<end]))
                start = end
            }
        }
    }

    func write(to folder: String, threads: Int) throws -> FileEntry {
        let writer = try FrameWriter(Compression(level: 1, threads: threads)) {
            try NewFile("00000001.zst", in: folder)
        }
        try forEach { try writer.append($0) }
        guard let file = try writer.finish().first else { throw CocoaError(.fileWriteUnknown) }
        return file
    }
}

/// A temporary folder, removed after use.
enum Scratch {
    static func with<Result>(_ body: (String) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("parts-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path)
    }
}
