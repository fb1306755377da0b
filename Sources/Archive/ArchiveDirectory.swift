import Postgres
import Crypto
import FoundationEssentials
import Glibc
import SystemPackage

/// An archive on disk: its generations, each identified by its manifest's hash.
package struct ArchiveDirectory: Sendable {
    /// The identity of an archive, from archive.json.
    package struct Header: Sendable, Codable, Hashable {
        package let format: Int
        package let archive: String
        package let createdAt: String
    }

    /// A complete generation.
    package struct Generation: Sendable {
        /// Copies its definitions and checks them against the manifest.
        ///
        /// - Parameter file: The new file.
        /// - Returns: The copy's entry for a manifest.
        /// - Throws: ``ArchiveError``.
        @discardableResult
        package func copyDefinitions(to file: NewFile) throws -> FileEntry {
            try KnownFile(manifest.definitions, in: folder).read { try file.write($0) }
            let (bytes, sha256) = try file.close()
            return FileEntry(name: file.name, bytes: bytes, sha256: sha256, contentBytes: bytes, rows: 0, frames: 0)
        }

        package let manifest: Manifest
        package let folder: String
        /// SHA-256 of the manifest file.
        package let sha256: String
    }

    static let headerName = "archive.json"
    static let manifestName = "manifest.json"

    package let path: String
    package let header: Header

    private init(path: String, header: Header) {
        self.path = path
        self.header = header
    }

    /// Opens an existing archive.
    ///
    /// - Throws: ``ArchiveError`` if the folder is not an archive.
    package static func open(_ path: String) throws -> ArchiveDirectory {
        let file = "\(path)/\(headerName)"
        guard FileManager.default.fileExists(atPath: file) else {
            throw ArchiveError(
                .refused,
                at: path,
                "is not an archive: \(headerName) is missing",
                hint: "create one with tidemark dump"
            )
        }
        let header: Header = try document(file, versioned: \.format).value
        return ArchiveDirectory(path: path, header: header)
    }

    /// Opens the archive, or creates one in a folder that is missing, empty, or left by a client killed while creating
    /// one.
    ///
    /// - Throws: ``ArchiveError``.
    package static func openOrCreate(_ path: String, now: String) throws -> ArchiveDirectory {
        let manager = FileManager.default
        if manager.fileExists(atPath: "\(path)/\(headerName)") { return try open(path) }
        do {
            if !manager.fileExists(atPath: path) { try makeFolder(path) }
            return try whileCreating(in: path) {
                // Another client may have created it in the meantime.
                if manager.fileExists(atPath: "\(path)/\(headerName)") { return try open(path) }
                guard try manager.contentsOfDirectory(atPath: path).allSatisfy({ $0 == temporary(headerName) }) else {
                    throw ArchiveError(
                        .refused,
                        at: path,
                        "is not empty and is not an archive",
                        hint: "give a folder that does not exist yet"
                    )
                }
                let header = Header(format: Manifest.formatVersion, archive: UUID().uuidString, createdAt: now)
                try write(header, headerName, in: path)
                return ArchiveDirectory(path: path, header: header)
            }
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be listed: \(error)")
        }
    }

    /// Holds a lock, so that of two clients that start together neither takes the other's half-written header for a
    /// dead client's.
    private static func whileCreating<Result>(in folder: String, _ body: () throws -> Result) throws -> Result {
        let descriptor = try openFolder(folder)
        defer { unlockAndClose(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw ArchiveError(.failed, at: folder, "cannot be locked: \(Errno(rawValue: errno))")
            }
        }
        return try body()
    }

    /// Ends a lock at once: a child process that was forked a moment ago has the file open until it executes its program, and
    /// closing the file here would not end the lock before that.
    private static func unlockAndClose(_ descriptor: Int32) {
        flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    /// Sends archive.json.
    package func sendHeader(to stream: TarWriter) throws {
        try stream.send("\(path)/\(Self.headerName)", as: Self.headerName)
    }

    package func folder(of generation: Int) -> String {
        let digits = String(generation)
        return "\(path)/generation-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits)"
    }

    /// Locks the archive against other writers while `body` runs.
    ///
    /// - Throws: ``ArchiveError`` if another client is writing, and what `body` throws.
    package func whileLocked<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        let file = "\(path)/\(Self.headerName)"
        let descriptor = try KnownFile.open(file)
        defer { Self.unlockAndClose(descriptor.rawValue) }
        guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else {
                throw ArchiveError(.failed, at: file, "cannot be locked: \(Errno(rawValue: errno))")
            }
            throw ArchiveError(
                .refused,
                at: path,
                "another tidemark is writing to it",
                hint: "wait until it ends, or stop it"
            )
        }
        return try await body()
    }

    // MARK: Generations

    /// Returns all generations up to one, checking that each follows the one before.
    ///
    /// - Parameter last: The last one wanted; nil: the newest.
    /// - Returns: The generations, base first; empty if none was ever finished.
    /// - Throws: ``ArchiveError`` if anything violates docs/ARCHIVE_FORMAT.md.
    package func generations(upTo last: Int? = nil) throws -> [Generation] {
        var generations: [Generation] = []
        while last.map({ generations.count <= $0 }) ?? true, let next = try generation(generations.count) {
            try check(next, after: generations.last)
            generations.append(next)
        }
        if let last, generations.count <= last {
            throw ArchiveError(
                .refused,
                at: path,
                "has no generation \(last); the last one is \(generations.count - 1)",
                hint: "tidemark archive list --archive \(path)"
            )
        }
        try refuseGaps(after: generations.count, isWhole: last == nil)
        return generations
    }

    private func generation(_ number: Int) throws -> Generation? {
        let folder = folder(of: number)
        let file = "\(folder)/\(Self.manifestName)"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        let (manifest, sha256): (Manifest, String) = try Self.document(file, versioned: \.format)
        try manifest.checkNumbers(in: file)
        return Generation(manifest: manifest, folder: folder, sha256: sha256)
    }

    private func check(_ next: Generation, after previous: Generation?) throws {
        let (manifest, number) = (next.manifest, previous.map { $0.manifest.generation + 1 } ?? 0)
        let file = "\(next.folder)/\(Self.manifestName)"
        guard manifest.archive == header.archive, manifest.generation == number else {
            throw ArchiveError(
                .damaged,
                at: file,
                "belongs to archive \(manifest.archive), generation \(manifest.generation); expected archive \(header.archive), generation \(number)"
            )
        }
        guard manifest.previous == previous?.sha256 else {
            throw ArchiveError(
                .damaged,
                at: file,
                "does not follow the manifest of generation \(number - 1) that is there: its SHA-256 differs"
            )
        }
        var names: Set<String> = []
        for entry in manifest.files where !names.insert(entry.name).inserted {
            throw ArchiveError(.damaged, at: file, "lists \(entry.name) twice")
        }
        let before = Dictionary(
            keepingFirst: (previous?.manifest.tables ?? []).map { ($0.qualifiedName, $0.chunks.map(\.range)) }
        )
        for table in manifest.tables where !table.chunks.allSatisfy(\.isReplaced) {
            guard before[table.qualifiedName] == table.chunks.map(\.range) else {
                throw ArchiveError(
                    .damaged,
                    at: file,
                    "contains changes to chunks of \(table.qualifiedName) that the previous generation does not have"
                )
            }
        }
    }

    /// Reports a missing generation, because the generations after it are useless without it.
    private func refuseGaps(after count: Int, isWhole: Bool) throws {
        guard isWhole, let names = try? FileManager.default.contentsOfDirectory(atPath: path) else { return }
        for name in names.sorted() where name.utf8.starts(with: "generation-".utf8) {
            guard let number = Int(name.dropFirst("generation-".count)), number > count else { continue }
            throw ArchiveError(
                .damaged,
                at: "\(path)/\(name)",
                "exists, but generation \(count) before it is incomplete"
            )
        }
    }
}
