import Archive
import FoundationEssentials
import TestSupport

/// Changes the files of an archive and updates all manifests to match.
struct RewrittenArchive {
    let path: String

    func folder(_ generation: Int) -> String { "\(path)/generation-00000\(generation)" }

    func manifest(_ generation: Int) throws -> String {
        try String(contentsOfFile: "\(folder(generation))/manifest.json", encoding: .utf8)
    }

    /// Writes a manifest and updates its hash in the next one.
    func write(_ manifest: String, _ generation: Int) async throws {
        let file = "\(folder(generation))/manifest.json"
        let before = try await sha256(of: file)
        try Data(manifest.utf8).write(to: URL(fileURLWithPath: file))
        guard let next = try? self.manifest(generation + 1) else { return }
        try await write(next.replacing(before, with: try await sha256(of: file)), generation + 1)
    }

    /// Replaces the content of a file with rows.
    ///
    /// - Parameters:
    ///   - entry: The file's entry in its manifest.
    ///   - generation: The file's generation.
    ///   - content: A line of bash that writes the content.
    /// - Returns: The file's new entry in its manifest.
    /// - Throws: Errors of the programs or the file system.
    @discardableResult
    func fill(_ entry: FileEntry, _ generation: Int, with content: String) async throws -> FileEntry {
        let file = "\(folder(generation))/\(entry.name)"
        let outcome = try await Command().shell(
            """
            set -o pipefail
            { \(content); } | zstd -q -f -1 --check -o \(file) && { \(content); } | wc -lc && stat -c %s \(file)
            """
        )
        let numbers = outcome.output.split { $0 == " " || $0 == "\n" }.compactMap { Int($0) }
        guard numbers.count == 3 else { throw ArchiveError(.failed, at: file, "cannot be filled: \(outcome.errors)") }
        let written = FileEntry(
            name: entry.name,
            bytes: numbers[2],
            sha256: try await sha256(of: file),
            contentBytes: numbers[1],
            rows: numbers[0],
            frames: 1
        )
        try await write(try manifest(generation).replacing(Self.json(entry), with: Self.json(written)), generation)
        return written
    }

    private static func json(_ entry: FileEntry) -> String {
        #"{"bytes":\#(entry.bytes),"contentBytes":\#(entry.contentBytes),"frames":\#(entry.frames),"#
            + #""name":"\#(entry.name)","rows":\#(entry.rows),"sha256":"\#(entry.sha256)"}"#
    }

    private func sha256(of file: String) async throws -> String {
        String(try await Command.program("sha256sum", [file]).output.prefix(64))
    }
}
