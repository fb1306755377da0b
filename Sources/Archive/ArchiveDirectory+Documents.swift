import Crypto
import FoundationEssentials
import Glibc
import SystemPackage

/// Documents and folders on disk: what is read is checked first, what is written is whole or not there.
extension ArchiveDirectory {
    /// Far more than the manifest of a million chunks takes.
    private static let longestDocument = 2 << 30

    private struct Versioned: Decodable { let format: Int }

    static func document<Value: Decodable>(_ path: String, versioned: KeyPath<Value, Int>) throws -> (
        value: Value, sha256: String
    ) {
        let descriptor = try KnownFile.open(path)
        defer { try? descriptor.close() }
        let size = try KnownFile.size(descriptor, path)
        guard size <= longestDocument else { throw ArchiveError(.damaged, path, "is too large for a manifest") }
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
            throw ArchiveError(.failed, path, "cannot be read: \(error)")
        }
        // The version first: of another one nothing else is known.
        guard let version = try? JSONDecoder().decode(Versioned.self, from: bytes) else {
            throw ArchiveError(.damaged, path, "is not a document of an archive")
        }
        guard version.format == Manifest.formatVersion else {
            throw ArchiveError(
                .refused,
                path,
                "has format \(version.format); this tidemark reads format \(Manifest.formatVersion)"
            )
        }
        do {
            return (try JSONDecoder().decode(Value.self, from: bytes), SHA256.hash(data: bytes).hexadecimal)
        } catch {
            throw ArchiveError(.damaged, path, "cannot be decoded: \(error)")
        }
    }

    static func encoded(_ value: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }

    /// What a document is called until it is whole.
    static func temporary(_ name: String) -> String { "\(name).new" }

    /// Under its name only when it is whole, on disk, and where `before` has not failed.
    static func write(
        _ value: some Encodable,
        _ name: String,
        in folder: String,
        before: (String) throws -> Void = { _ in }
    ) throws {
        let temporary = "\(folder)/\(Self.temporary(name))"
        // Left by a client that was killed.
        unlink(temporary)
        let file = try NewFile(Self.temporary(name), in: folder)
        try (try encoded(value)).withUnsafeBytes { try file.write($0) }
        _ = try file.close()
        try before(temporary)
        guard rename(temporary, "\(folder)/\(name)") == 0 else {
            throw ArchiveError(.failed, temporary, "cannot be renamed: \(Errno(rawValue: errno))")
        }
        try sync(folder)
    }

    /// Makes a folder of files a generation.
    ///
    /// - Parameters:
    ///   - manifest: What the generation holds.
    ///   - folder: Its folder.
    ///   - before: Last chance to fail; is given the file's path.
    /// - Throws: ``ArchiveError``, and what `before` throws.
    static func write(_ manifest: Manifest, in folder: String, before: (String) throws -> Void) throws {
        try write(manifest, manifestName, in: folder, before: before)
    }

    static func openFolder(_ path: String) throws -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ArchiveError(.failed, path, "cannot be opened: \(Errno(rawValue: errno))")
        }
        return descriptor
    }

    static func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw ArchiveError(.failed, path, "cannot be created: \(Errno(rawValue: errno))")
        }
        let parent = FilePath(path).removingLastComponent()
        // Where the folder above may not be read, its owner has to see to it.
        guard access(parent.isEmpty ? "." : parent.string, R_OK) == 0 else { return }
        try sync(parent.isEmpty ? "." : parent.string)
    }

    /// Names are in folders: they are on disk only when the folder is.
    static func sync(_ folder: String) throws {
        let descriptor = try openFolder(folder)
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw ArchiveError(.failed, folder, "cannot be synced: \(Errno(rawValue: errno))")
        }
    }
}
