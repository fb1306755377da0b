import CZstd
import Crypto
import Glibc
import SystemPackage

/// Writes rows into zstd frames of about a mebibyte, none of them cut (docs/ARCHIVE_FORMAT.md, *Files of rows*).
package final class FrameWriter {
    private static let frameBytes = 1 << 20

    private let makeFile: () throws -> NewFile
    /// nil until there is something to write.
    private var file: NewFile?
    private let context: OpaquePointer
    private let rows = UnsafeMutableRawBufferPointer.allocate(byteCount: frameBytes, alignment: 64)
    private let output: UnsafeMutableRawBufferPointer
    private var filled = 0
    private var contentBytes = 0
    private var rowCount = 0
    private var frames = 0

    /// - Parameters:
    ///   - level: zstd's, 1 to 19.
    ///   - makeFile: Makes the file that takes the frames, when the first of them comes.
    /// - Throws: ``ArchiveError``.
    package init(level: Int, _ makeFile: @escaping () throws -> NewFile) throws {
        self.makeFile = makeFile
        guard let context = ZSTD_createCCtx() else { throw ArchiveError(.failed, "zstd", "there is no memory for it") }
        self.context = context
        output = .allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 64)
        for (parameter, value) in [
            (ZSTD_c_compressionLevel, Int32(level)), (ZSTD_c_checksumFlag, 1), (ZSTD_c_contentSizeFlag, 1),
        ] {
            try check(ZSTD_CCtx_setParameter(context, parameter, value))
        }
    }

    deinit {
        ZSTD_freeCCtx(context)
        rows.deallocate()
        output.deallocate()
    }

    /// Adds a row, with its newline.
    package func append(_ row: UnsafeRawBufferPointer) throws {
        if row.count > rows.count - filled {
            try flush()
            // Straight out of whose memory it is.
            if row.count > rows.count { try compress(row) }
        }
        if row.count <= rows.count - filled, row.count <= rows.count {
            UnsafeMutableRawBufferPointer(rebasing: rows[filled..<filled + row.count]).copyMemory(from: row)
            filled += row.count
        }
        rowCount += 1
    }

    /// Ends the last frame and the file.
    ///
    /// - Returns: What the manifest tells of it, which is on disk; nil where no row came: then there is no file.
    /// - Throws: ``ArchiveError``.
    package func finish() throws -> FileEntry? {
        try flush()
        guard let file else { return nil }
        let written = try file.close()
        return FileEntry(
            name: file.name,
            bytes: written.bytes,
            sha256: written.sha256,
            contentBytes: contentBytes,
            rows: rowCount,
            frames: frames
        )
    }

    private func flush() throws {
        guard filled > 0 else { return }
        try compress(UnsafeRawBufferPointer(rebasing: rows[..<filled]))
        filled = 0
    }

    private func compress(_ bytes: UnsafeRawBufferPointer) throws {
        let file = try self.file ?? makeFile()
        self.file = file
        try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count)))
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        var left = 1
        while left > 0 {
            var out = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            left = try check(ZSTD_compressStream2(context, &out, &input, ZSTD_e_end))
            try file.write(UnsafeRawBufferPointer(rebasing: output[..<out.pos]))
        }
        contentBytes += bytes.count
        frames += 1
    }

    @discardableResult
    private func check(_ result: Int) throws -> Int {
        guard ZSTD_isError(result) == 0 else {
            throw ArchiveError(.failed, file?.path ?? "zstd", "zstd: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}

/// A file on its way to disk.
package final class NewFile {
    package let name: String
    package let path: String
    private let descriptor: FileDescriptor
    private var hash = SHA256()
    private var bytes = 0

    /// Makes the file; whatever has its name already is left alone.
    ///
    /// - Parameters:
    ///   - name: Its name in the folder.
    ///   - folder: Where it is made.
    /// - Throws: ``ArchiveError``.
    package init(_ name: String, in folder: String) throws {
        self.name = name
        path = "\(folder)/\(name)"
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path),
                .writeOnly,
                options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
                permissions: [.ownerRead, .ownerWrite]
            )
        } catch {
            throw ArchiveError(.failed, path, "cannot be made: \(error)")
        }
    }

    deinit { try? descriptor.close() }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        do {
            try descriptor.writeAll(bytes)
        } catch let error as Errno {
            throw ArchiveError(
                .failed,
                path,
                "cannot be written: \(error)",
                hint: error == .noSpace
                    ? "make room and run the same command again: it goes on from the last complete file; earlier generations are intact"
                    : nil
            )
        }
        hash.update(bufferPointer: bytes)
        self.bytes += bytes.count
    }

    /// Brings to disk what another program has written into it.
    func hashed() throws -> (bytes: Int, sha256: String) {
        let reading = try KnownFile.open(path)
        defer { try? reading.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { buffer.deallocate() }
        do {
            while case let count = try reading.read(into: buffer), count > 0 {
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                bytes += count
            }
        } catch {
            throw ArchiveError(.failed, path, "cannot be read: \(error)")
        }
        return try close()
    }

    /// Brings it to disk.
    package func close() throws -> (bytes: Int, sha256: String) {
        guard fsync(descriptor.rawValue) == 0 else {
            throw ArchiveError(.failed, path, "cannot be synced: \(Errno(rawValue: errno))")
        }
        return (bytes, hash.finalize().hexadecimal)
    }
}

extension SHA256.Digest {
    package var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}
