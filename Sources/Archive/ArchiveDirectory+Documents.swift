import Crypto
import FoundationEssentials
import Glibc
import Postgres
import SystemPackage

/// Documents and folders on disk: input is checked before use, output is complete or absent.
extension ArchiveDirectory {
    /// In bytes; far more than the manifest of a million chunks needs.
    private static let longestDocument = 2 << 30

    private struct Versioned: Decodable { let format: Int }

    static func document<Value: Decodable>(_ path: String, versioned: KeyPath<Value, Int>) throws -> (
        value: Value, sha256: String
    ) {
        let descriptor = try KnownFile.open(path)
        defer { try? descriptor.close() }
        let size = try KnownFile.size(descriptor, path)
        guard size <= longestDocument else { throw ArchiveError(.damaged, at: path, "is too large for a manifest") }
        var bytes = Data(count: size)
        do {
            var filled = 0
            while filled < size {
                let count = try bytes.withUnsafeMutableBytes { buffer in
                    try descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
                }
                guard count > 0 else { break }
                filled += count
            }
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be read: \(error)")
        }
        // The version comes first: nothing else is known about another format.
        guard let version = try? JSONDecoder().decode(Versioned.self, from: bytes) else {
            throw ArchiveError(.damaged, at: path, "is not a document of an archive")
        }
        guard version.format == Manifest.formatVersion else {
            throw ArchiveError(
                .refused,
                at: path,
                "has format \(version.format); this tidemark reads format \(Manifest.formatVersion)"
            )
        }
        do {
            return (try JSONDecoder().decode(Value.self, from: bytes), SHA256.hash(data: bytes).hexadecimal)
        } catch {
            throw ArchiveError(.damaged, at: path, "cannot be decoded: \(error)")
        }
    }

    static func encoded(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// The name of a document until it is complete.
    static func temporary(_ name: String) -> String { "\(name).new" }

    /// Writes a document; it gets its name only once it is complete and synced, and `before` has succeeded.
    static func write(
        _ value: some Encodable,
        _ name: String,
        in folder: String,
        before: (String) throws -> Void = { _ in }
    ) throws {
        let temporary = "\(folder)/\(Self.temporary(name))"
        // A killed client may have left it.
        unlink(temporary)
        let file = try NewFile(Self.temporary(name), in: folder)
        try (try encoded(value)).withUnsafeBytes { try file.write($0) }
        _ = try file.close()
        try before(temporary)
        StatusPoint.documentSynced.reached()
        guard rename(temporary, "\(folder)/\(name)") == 0 else {
            throw ArchiveError(.failed, at: temporary, "cannot be renamed: \(Errno(rawValue: errno))")
        }
        StatusPoint.documentNamed.reached()
        try sync(folder)
    }

    /// Writes the manifest, which turns a folder of files into a generation.
    ///
    /// - Parameters:
    ///   - manifest: The manifest of the generation.
    ///   - folder: Its folder.
    ///   - before: Called with the temporary file's path before the rename; if it throws, there is no generation.
    /// - Throws: ``ArchiveError``, and what `before` throws.
    static func write(_ manifest: Manifest, in folder: String, before: (String) throws -> Void) throws {
        try write(manifest, manifestName, in: folder, before: before)
    }

    static func openFolder(_ path: String) throws -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ArchiveError(.failed, at: path, "cannot be opened: \(Errno(rawValue: errno))")
        }
        return descriptor
    }

    static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw ArchiveError(.failed, at: path, "cannot be created: \(Errno(rawValue: errno))")
        }
        let parent = FilePath(path).removingLastComponent()
        // A parent folder that is not readable cannot be synced; that is up to its owner.
        guard access(parent.isEmpty ? "." : parent.string, R_OK) == 0 else { return }
        try sync(parent.isEmpty ? "." : parent.string)
    }

    /// Syncs a folder: a file's name is on disk only once its folder is synced.
    static func sync(_ folder: String) throws {
        let descriptor = try openFolder(folder)
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw ArchiveError(.failed, at: folder, "cannot be synced: \(Errno(rawValue: errno))")
        }
    }
}
