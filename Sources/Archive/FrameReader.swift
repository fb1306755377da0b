import CZstd
import Crypto
import Glibc
import SystemPackage

/// Reads a file of zstd frames and checks it against the manifest.
///
/// The content passed on is not verified until ``read(_:)`` has returned.
package final class FrameReader {
    /// No frame needs a larger window (docs/ARCHIVE_FORMAT.md); a hostile frame could demand gigabytes.
    private static let windowLog: Int32 = 24

    private let file: KnownFile
    private let entry: FileEntry

    /// Opens the file.
    ///
    /// - Parameters:
    ///   - entry: Its entry in the manifest.
    ///   - folder: Its generation's folder.
    /// - Throws: ``ArchiveError``.
    package init(_ entry: FileEntry, in folder: String) throws {
        self.entry = entry
        file = try KnownFile(entry, in: folder)
    }

    /// Passes the content to `body` in pieces, each valid only during the call.
    ///
    /// - Parameter body: Takes a piece, which may begin or end within a row.
    /// - Throws: ``ArchiveError`` if anything differs from the manifest, and what `body` throws.
    package func read(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard let context = ZSTD_createDCtx() else {
            throw ArchiveError(.failed, at: file.path, "out of memory for zstd")
        }
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
                // A small file can decompress to terabytes.
                guard contentBytes <= entry.contentBytes else {
                    throw ArchiveError(
                        .damaged,
                        at: file.path,
                        "contains more than the \(entry.contentBytes) bytes in the manifest"
                    )
                }
                let content = UnsafeRawBufferPointer(rebasing: output[..<out.pos])
                rows += content.newlines
                try body(content)
            }
        }
        guard !isInFrame else { throw ArchiveError(.damaged, at: file.path, "ends within a frame") }
        guard contentBytes == entry.contentBytes, rows == entry.rows, frames == entry.frames else {
            throw ArchiveError(
                .damaged,
                at: file.path,
                "contains \(contentBytes) bytes, \(rows) rows, \(frames) frames; the manifest has \(entry.contentBytes), \(entry.rows), \(entry.frames)"
            )
        }
    }

    /// Passes the rows to `body` in pieces, none of which spans two rows.
    ///
    /// - Parameter body: Takes a piece, valid only during the call, and whether it ends its row (with the newline).
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
        guard !isWithinRow else { throw ArchiveError(.damaged, at: file.path, "ends within a row") }
    }

    /// Passes the rows to `body` one by one, each with its newline and valid only during the call.
    ///
    /// A row is held in memory; use ``readPieces(_:)`` for rows of any length.
    ///
    /// - Parameters:
    ///   - longest: The longest row allowed, in bytes; a longer one is an error.
    ///   - body: Takes a row.
    /// - Throws: As ``read(_:)``.
    package func readRows(longest: Int = .max, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest: [UInt8] = []
        try readPieces { piece, endsRow in
            guard rest.count <= longest - piece.count else {
                throw ArchiveError(.damaged, at: file.path, "has a row of more than \(longest) bytes")
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
            throw ArchiveError(.damaged, at: file.path, "zstd: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}

/// A file listed in a manifest: its size is checked at once, its hash when it has been read.
package final class KnownFile {
    private static let pieceBytes = 256 << 10

    package let path: String
    private let entry: FileEntry
    private let descriptor: FileDescriptor

    /// Opens the file if it is a regular file of the right size.
    ///
    /// - Throws: ``ArchiveError``.
    package init(_ entry: FileEntry, in folder: String) throws {
        self.entry = entry
        path = "\(folder)/\(entry.name)"
        guard Self.isName(entry.name) else {
            throw ArchiveError(
                .damaged,
                at: folder,
                "the manifest lists a file '\(entry.name)', which is not a name an archive uses"
            )
        }
        descriptor = try Self.open(path)
        guard try Self.size(descriptor, path) == entry.bytes else {
            throw ArchiveError(.damaged, at: path, "has another size than the \(entry.bytes) bytes in the manifest")
        }
    }

    deinit { try? descriptor.close() }

    /// Whether a name is valid: eight digits and the kind of file.
    package static func isName(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(Substring.init)
        return parts.count == 2 && parts[0].utf8.count == 8 && parts[0].utf8.allSatisfy(\.isDigit)
            && ["zst", "dump"].contains(parts[1])
    }

    /// Reads the whole file.
    ///
    /// - Parameter body: Takes a piece, valid only during the call.
    /// - Throws: ``ArchiveError``, `CancellationError`, and what `body` throws.
    package func read(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceBytes, alignment: 64)
        defer { buffer.deallocate() }
        var hash = SHA256()
        var bytes = 0
        while true {
            // A file may be large; the second Ctrl-C must not wait for its end.
            try Task.checkCancellation()
            let count: Int
            do {
                count = try descriptor.read(into: buffer)
            } catch {
                throw ArchiveError(.failed, at: path, "cannot be read: \(error)")
            }
            guard count > 0 else { break }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            hash.update(bufferPointer: piece)
            bytes += count
            try body(piece)
        }
        guard bytes == entry.bytes, hash.finalize().hexadecimal == entry.sha256 else {
            throw ArchiveError(.damaged, at: path, "checksum mismatch: its SHA-256 differs from the manifest")
        }
    }

    /// Opens a file without following a symbolic link and without waiting for a FIFO's other end.
    static func open(_ path: String) throws -> FileDescriptor {
        do {
            return try FileDescriptor.open(FilePath(path), .readOnly, options: [.noFollow, .nonBlocking, .closeOnExec])
        } catch let error as Errno where error == .noSuchFileOrDirectory {
            throw ArchiveError(.damaged, at: path, "is missing")
        } catch let error as Errno where error == .tooManySymbolicLinkLevels {
            throw ArchiveError(.damaged, at: path, "is a symbolic link")
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be opened: \(error)")
        }
    }

    static func size(_ descriptor: FileDescriptor, _ path: String) throws -> Int {
        var status = stat()
        guard fstat(descriptor.rawValue, &status) == 0 else {
            throw ArchiveError(.failed, at: path, "cannot be examined: \(Errno(rawValue: errno))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveError(.damaged, at: path, "is not a regular file")
        }
        return Int(status.st_size)
    }
}

extension UnsafeRawBufferPointer {
    /// The position of the next newline; nil if there is none.
    fileprivate func newline(from start: Int) -> Int? {
        guard start < count, let base = baseAddress,
            let found = memchr(base + start, Int32(UInt8(ascii: "\n")), count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// The number of newlines.
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
    /// Whether it is an ASCII digit; a `Character` with an accent could also sort between 0 and 9.
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
