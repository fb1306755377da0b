import CZstd
import Crypto
import Glibc
import SystemPackage

/// Reads a file of zstd frames and sees that it is the one the manifest tells of.
///
/// Whatever it hands out before ``read(_:)`` has returned is not proven yet.
package final class FrameReader {
    /// No frame needs a larger window (docs/ARCHIVE_FORMAT.md): a hostile one could ask for gigabytes.
    private static let windowLog: Int32 = 24

    private let file: KnownFile
    private let entry: FileEntry

    /// Opens the file.
    ///
    /// - Parameters:
    ///   - entry: What the manifest tells of it.
    ///   - folder: Its generation's folder.
    /// - Throws: ``ArchiveError``.
    package init(_ entry: FileEntry, in folder: String) throws {
        self.entry = entry
        file = try KnownFile(entry, in: folder)
    }

    /// Hands the content over in pieces, each valid only during the call.
    ///
    /// - Parameter body: Takes a piece; rows may be cut.
    /// - Throws: ``ArchiveError`` if anything is not as the manifest tells, and what `body` throws.
    package func read(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let context = ZSTD_createDCtx() else { throw ArchiveError(.failed, file.path, "out of memory for zstd") }
        defer { ZSTD_freeDCtx(context) }
        _ = try check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Self.windowLog))
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_DStreamOutSize(), alignment: 64)
        defer { output.deallocate() }
        var (contentBytes, rows, frames) = (0, 0, 0)
        var isInFrame = false
        try file.read { piece in
            var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
            var isFull = false
            while input.pos < input.size || isFull {
                var out = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                let left = try check(ZSTD_decompressStream(context, &out, &input))
                isInFrame = left != 0
                if left == 0 { frames += 1 }
                isFull = out.pos == out.size && isInFrame
                contentBytes += out.pos
                // A small file can hold terabytes.
                guard contentBytes <= entry.contentBytes else {
                    throw ArchiveError(
                        .damaged,
                        file.path,
                        "contains more than the \(entry.contentBytes) bytes in the manifest"
                    )
                }
                let content = UnsafeRawBufferPointer(rebasing: output[..<out.pos])
                rows += content.newlines
                try body(content)
            }
        }
        guard !isInFrame else { throw ArchiveError(.damaged, file.path, "ends within a frame") }
        guard contentBytes == entry.contentBytes, rows == entry.rows, frames == entry.frames else {
            throw ArchiveError(
                .damaged,
                file.path,
                "contains \(contentBytes) bytes, \(rows) rows, \(frames) frames; the manifest has \(entry.contentBytes), \(entry.rows), \(entry.frames)"
            )
        }
    }

    /// Hands over the rows in pieces, none of which belongs to two rows.
    ///
    /// - Parameter body: Takes a piece, valid only during the call, and whether it ends its row, with the newline.
    /// - Throws: As ``read(_:)``.
    package func readPieces(_ body: (_ piece: UnsafeRawBufferPointer, _ endsRow: Bool) throws -> Void) throws {
        var isWithinRow = false
        try read { content in
            var start = 0
            while let end = content.newline(from: start) {
                try body(UnsafeRawBufferPointer(rebasing: content[start...end]), true)
                start = end + 1
                isWithinRow = false
            }
            guard start < content.count else { return }
            try body(UnsafeRawBufferPointer(rebasing: content[start...]), false)
            isWithinRow = true
        }
        guard !isWithinRow else { throw ArchiveError(.damaged, file.path, "ends within a row") }
    }

    /// Hands over the rows one by one, each with its newline and valid only during the call.
    ///
    /// A row is held in memory: where it may be of any length, ``readPieces(_:)`` serves.
    ///
    /// - Parameters:
    ///   - longest: A longer row is none of ours, in bytes.
    ///   - body: Takes a row.
    /// - Throws: As ``read(_:)``.
    package func readRows(longest: Int = .max, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest: [UInt8] = []
        try readPieces { piece, endsRow in
            guard rest.count <= longest - piece.count else {
                throw ArchiveError(.damaged, file.path, "has a row of more than \(longest) bytes")
            }
            guard !rest.isEmpty || !endsRow else { return try body(piece) }
            rest.append(contentsOf: piece)
            guard endsRow else { return }
            try rest.withUnsafeBytes(body)
            rest.removeAll(keepingCapacity: true)
        }
    }

    private func check(_ result: Int) throws -> Int {
        guard ZSTD_isError(result) == 0 else {
            throw ArchiveError(.damaged, file.path, "zstd: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}

/// A file the manifest tells of: its size is checked at once, its hash when it has been read.
package final class KnownFile {
    private static let pieceBytes = 256 << 10

    package let path: String
    private let entry: FileEntry
    private let descriptor: FileDescriptor

    /// Opens the file if it is a plain one of the right size.
    ///
    /// - Throws: ``ArchiveError``.
    package init(_ entry: FileEntry, in folder: String) throws {
        self.entry = entry
        path = "\(folder)/\(entry.name)"
        guard Self.isName(entry.name) else {
            throw ArchiveError(
                .damaged,
                folder,
                "the manifest lists a file '\(entry.name)', which is not a name an archive uses"
            )
        }
        descriptor = try Self.open(path)
        guard try Self.size(descriptor, path) == entry.bytes else {
            throw ArchiveError(.damaged, path, "has another size than the \(entry.bytes) bytes in the manifest")
        }
    }

    deinit { try? descriptor.close() }

    /// Eight digits and what kind of file it is.
    package static func isName(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Substring.init)
        return parts.count == 2 && parts[0].utf8.count == 8 && parts[0].utf8.allSatisfy(\.isDigit)
            && ["zst", "dump"].contains(parts[1])
    }

    /// Reads it from end to end.
    ///
    /// - Parameter body: Takes a piece, valid only during the call.
    /// - Throws: ``ArchiveError``, `CancellationError`, and what `body` throws.
    package func read(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 64)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var bytes = 0
        while true {
            // A file may be large, and the second Ctrl-C does not wait for its end.
            try Task.checkCancellation()
            let count: Int
            do {
                count = try descriptor.read(into: buffer)
            } catch {
                throw ArchiveError(.failed, path, "cannot be read: \(error)")
            }
            guard count > 0 else { break }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hash.update(bufferPointer: piece)
            bytes += count
            try body(piece)
        }
        guard bytes == entry.bytes, hash.finalize().hexadecimal == entry.sha256 else {
            throw ArchiveError(.damaged, path, "checksum mismatch: its SHA-256 differs from the manifest")
        }
    }

    /// Opens a regular file, not what a link points to, and without waiting for a FIFO's other end.
    static func open(_ path: String) throws -> FileDescriptor {
        do {
            return try FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .nonBlocking, .closeOnExec])
        } catch let error as Errno where error == .noSuchFileOrDirectory {
            throw ArchiveError(.damaged, path, "is missing")
        } catch let error as Errno where error == .tooManySymbolicLinkLevels {
            throw ArchiveError(.damaged, path, "is a symbolic link")
        } catch {
            throw ArchiveError(.failed, path, "cannot be opened: \(error)")
        }
    }

    static func size(_ descriptor: FileDescriptor, _ path: String) throws -> Int {
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0 else {
            throw ArchiveError(.failed, path, "cannot be examined: \(Errno(rawValue: errno))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw ArchiveError(.damaged, path, "is not a regular file") }
        return Int(status.st_size)
    }
}

extension UnsafeRawBufferPointer {
    /// Where the next newline is; nil where there is none any more.
    fileprivate func newline(from start: Int) -> Int? {
        guard start < count, let base = baseAddress,
            let found = memchr(base + start, Int32(UInt8(ascii: "\n")), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// How many newlines there are.
    fileprivate var newlines: Int {
        var (found, start) = (0, 0)
        while let end = newline(from: start) {
            found += 1
            start = end + 1
        }
        return found
    }
}

extension UInt8 {
    /// A digit of ASCII; to `Character` a digit with an accent lies between 0 and 9 as well.
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
