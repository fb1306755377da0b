import Glibc
import SystemPackage

/// A row kept on disk until its length is known; it is removed with the value.
final class RowSpool {
    private let path: String
    private let descriptor: FileDescriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var position = 0
    private(set) var bytes = 0

    /// - Parameter file: The file the row goes to; its folder has space for the row, at least in compressed form.
    /// - Throws: ``ArchiveError``.
    init(beside file: NewFile) throws {
        path = "\(file.path).row"
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path),
                .readWrite,
                options: [.create, .truncate, .noFollow, .closeOnExec],
                permissions: [.ownerRead, .ownerWrite]
            )
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be created: \(error)")
        }
        // Unlinked at once, so that nothing is left however the process ends.
        unlink(path)
    }

    deinit {
        try? descriptor.close()
        buffer.deallocate()
    }

    func append(_ piece: UnsafeRawBufferPointer) throws {
        do {
            try descriptor.writeAll(piece)
        } catch {
            throw ArchiveError(
                .failed,
                at: path,
                "cannot be written: \(error)",
                hint:
                    "a row of more than \(bytes) bytes is buffered there, uncompressed; free space and run the same command again"
            )
        }
        bytes += piece.count
    }

    /// Returns the next piece of the row, from its beginning; it is valid until the next call.
    ///
    /// - Returns: The piece; nil at the end.
    /// - Throws: ``ArchiveError``.
    func nextPiece() throws -> UnsafeRawBufferPointer? {
        guard position < bytes else { return nil }
        let count: Int
        do {
            count = try descriptor.read(fromAbsoluteOffset: Int64(position), into: buffer)
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be read: \(error)")
        }
        guard count > 0 else { throw ArchiveError(.failed, at: path, "became shorter while it was read") }
        position += count
        return UnsafeRawBufferPointer(rebasing: buffer[..<count])
    }
}
