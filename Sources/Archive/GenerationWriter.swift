import FoundationEssentials
import Glibc
package import Postgres
import Synchronization
import SystemPackage

/// A generation being written, by several workers and possibly by one client after another.
package final class GenerationWriter: Sendable {
    /// A journal's line about a chunk that is on disk.
    package struct Line: Sendable, Codable {
        /// The table, by name and oid.
        let schema: ServerText
        let name: ServerText
        let oid: UInt32
        /// What its chunks are based on: columns, key, filter.
        let basis: String
        let chunk: ArchivedChunk
    }

    private struct State {
        var counter: Int
        var journal: FileDescriptor
    }

    fileprivate static let journalName = "journal.jsonl"

    package let folder: String
    /// Chunks that an earlier client has written to disk.
    package let done: [Line]
    private let state: Mutex<State>
    /// Receives each file once it is complete; the file is then removed from the folder.
    private let stream: TarWriter?

    /// Begins a generation, or resumes one that was interrupted.
    ///
    /// - Parameters:
    ///   - folder: The generation's folder.
    ///   - mayResume: Whether existing files may be used; otherwise they are removed.
    ///   - stream: Receives the files instead of the folder; nil: they stay there.
    /// - Throws: ``ArchiveError``.
    package init(in folder: String, mayResume: Bool, stream: TarWriter? = nil) throws {
        self.folder = folder
        self.stream = stream
        try ArchiveDirectory.makeFolder(folder)
        let journal = "\(folder)/\(Self.journalName)"
        // A file's name is on disk only once its folder is synced: after a crash of the machine a file may be missing.
        done =
            mayResume && stream == nil ? try Self.lines(of: journal).filter { Self.isThere($0.chunk, in: folder) } : []
        let known = Set(done.flatMap(\.chunk.files).map(\.name))
        var counter = 0
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            if KnownFile.isName(name), known.contains(name) {
                counter = max(counter, Int(name.prefix(8)) ?? 0)
            } else if !name.utf8.starts(with: Self.journalName.utf8) {
                // An incomplete file, or one of a journal that is not resumed.
                unlink("\(folder)/\(name)")
            }
        }
        // Rewritten without a truncated last line.
        let anew = "\(Self.journalName).new"
        unlink("\(folder)/\(anew)")
        let file = try NewFile(anew, in: folder)
        for line in done { try Self.bytes(of: line).withUnsafeBytes { try file.write($0) } }
        _ = try file.close()
        guard rename("\(folder)/\(anew)", journal) == 0 else {
            throw ArchiveError(.failed, at: journal, "cannot be renamed: \(Errno(rawValue: errno))")
        }
        do {
            let descriptor = try FileDescriptor.open(
                FilePath(journal),
                .writeOnly,
                options: [.append, .noFollow, .closeOnExec]
            )
            state = Mutex(State(counter: counter, journal: descriptor))
        } catch {
            throw ArchiveError(.failed, at: journal, "cannot be opened: \(error)")
        }
        try ArchiveDirectory.sync(folder)
    }

    /// Creates a file of the generation; `kind` is its extension.
    package func newFile(_ kind: String) throws -> NewFile {
        let number = state.withLock { state in
            state.counter += 1
            return state.counter
        }
        let digits = String(number)
        return try NewFile(String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".\(kind)", in: folder)
    }

    /// Adds a file that another program has written.
    ///
    /// - Parameter file: A file of ``newFile(_:)`` that was written by its path.
    /// - Returns: Its entry for the manifest; it is synced to disk.
    /// - Throws: ``ArchiveError``.
    package func adopt(_ file: NewFile) throws -> FileEntry {
        let (bytes, sha256) = try file.hashed()
        return FileEntry(name: file.name, bytes: bytes, sha256: sha256, contentBytes: bytes, rows: 0, frames: 0)
    }

    /// Records in the journal that a chunk's files are on disk.
    package func enter(_ chunk: ArchivedChunk, of name: QualifiedName, oid: UInt32, basis: String) throws {
        try enter(
            Line(schema: name.schema, name: name.name, oid: oid, basis: basis, chunk: chunk)
        )
    }

    /// Sends complete files to the stream, if there is one, and removes them from the folder.
    package func ship(_ files: [FileEntry]) throws {
        guard let stream else { return }
        for file in files {
            try stream.send("\(folder)/\(file.name)", as: "\(folderName)/\(file.name)")
            unlink("\(folder)/\(file.name)")
        }
    }

    private var folderName: Substring { folder.utf8.split(separator: UInt8(ascii: "/")).last.map(Substring.init) ?? "" }

    private static func isThere(_ chunk: ArchivedChunk, in folder: String) -> Bool {
        chunk.files.allSatisfy { (try? KnownFile($0, in: folder)) != nil }
    }

    private func enter(_ line: Line) throws {
        let whole = try Self.bytes(of: line)
        try state.withLock { state in
            do {
                try whole.withUnsafeBytes { _ = try state.journal.writeAll($0) }
            } catch {
                throw ArchiveError(.failed, at: "\(folder)/\(Self.journalName)", "cannot be written: \(error)")
            }
            guard fsync(state.journal.rawValue) == 0 else {
                throw ArchiveError(.failed, at: "\(folder)/\(Self.journalName)", "cannot be synced")
            }
        }
        StatusPoint.chunkEntered.reached()
    }

    /// Writes the manifest, which makes the folder a generation.
    package func finish(_ manifest: Manifest) throws {
        let named = Set(manifest.files.map(\.name))
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where KnownFile.isName(name) && !named.contains(name) {
            // Written by an earlier client with another plan.
            unlink("\(folder)/\(name)")
        }
        if stream != nil {
            try ship(manifest.files.filter { access("\(folder)/\($0.name)", F_OK) == 0 })
        }
        try ArchiveDirectory.sync(folder)
        // The manifest is kept only if it was sent: the next delta depends on it.
        try ArchiveDirectory.write(manifest, in: folder) { path in
            try stream?.send(path, as: "\(folderName)/manifest.json")
            try stream?.finish()
        }
        state.withLock { try? $0.journal.close() }
        unlink("\(folder)/\(Self.journalName)")
    }

    private static func bytes(of line: Line) throws -> Data {
        try ArchiveDirectory.encoded(line) + Data([UInt8(ascii: "\n")])
    }

    private static func lines(of path: String) throws -> [Line] {
        guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
        // A truncated last line has no newline and is ignored.
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { bytes[..<$0] } ?? Data()
        let lines = whole.split(separator: UInt8(ascii: "\n")).compactMap {
            try? JSONDecoder().decode(Line.self, from: Data($0))
        }
        // Chunks whose line cannot be decoded or has impossible numbers are dumped again.
        var check = NumberCheck(path)
        return lines.filter { (try? check.add($0.chunk)) != nil }
    }
}

extension ArchiveDirectory.Generation {
    /// Removes the journal left by a client that was killed right after the generation was complete.
    package func removeJournal() {
        unlink("\(folder)/\(GenerationWriter.journalName)")
    }
}

extension GenerationWriter.Line {
    /// Whether it belongs to this table in its current form.
    package func isOf(_ name: QualifiedName, oid: UInt32, basis: String) -> Bool {
        schema == name.schema && self.name == name.name && self.oid == oid && self.basis == basis
    }

    /// The chunk that is on disk.
    package var archivedChunk: ArchivedChunk { chunk }
}
