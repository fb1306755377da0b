/// Writes rows into zstd frames of about a mebibyte without splitting a row (docs/ARCHIVE_FORMAT.md, *Files of rows*).
package final class FrameWriter {
    private static let frameBytes = 1 << 20

    private let fileBytes: Int
    private let makeFile: () throws -> NewFile
    private let compressor: FrameCompressor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frameBytes, alignment: 64)
    private var filled = 0
    private var bufferedRows = 0
    /// Bytes of an incomplete row, buffered after the complete rows.
    private var begun = 0
    /// The row that is too long for the buffer, if there is one.
    private var spool: RowSpool?
    /// nil until there is something to write.
    private var file: OpenFile?
    private var finished: [FileEntry] = []

    private struct OpenFile {
        let file: NewFile
        var contentBytes = 0
        var rows = 0
        var frames = 0
    }

    /// - Parameters:
    ///   - compression: How rows are compressed into files.
    ///   - makeFile: Creates a file; called when its first frame arrives.
    /// - Throws: ``ArchiveError``.
    package init(_ compression: Compression, _ makeFile: @escaping () throws -> NewFile) throws {
        self.makeFile = makeFile
        fileBytes = compression.fileBytes ?? .max
        compressor = try FrameCompressor(compression)
    }

    deinit { buffer.deallocate() }

    /// Adds a row, with its newline.
    package func append(_ row: UnsafeRawBufferPointer) throws { try append(row, endsRow: true) }

    /// Adds a piece of a row; at most one frame's bytes of a long row are in memory at a time.
    ///
    /// - Parameters:
    ///   - piece: The piece.
    ///   - endsRow: Whether it is the row's last piece, with the newline.
    /// - Throws: ``ArchiveError``.
    package func append(_ piece: UnsafeRawBufferPointer, endsRow: Bool) throws {
        if let spool { return try append(piece, endsRow: endsRow, to: spool) }
        if piece.count > buffer.count - filled - begun {
            try flush()
            if piece.count > buffer.count - begun {
                // Compressed from the caller's memory, without a copy.
                if endsRow, begun == 0 { return try compressor.compress(piece, rows: 1, write) }
                return try append(piece, endsRow: endsRow, to: try beginSpool())
            }
        }
        let place = filled + begun
        UnsafeMutableRawBufferPointer(rebasing: buffer[place..<place + piece.count]).copyMemory(from: piece)
        begun += piece.count
        guard endsRow else { return }
        filled += begun
        begun = 0
        bufferedRows += 1
    }

    /// Finishes the last frame and the file.
    ///
    /// - Returns: The files' entries for the manifest, all synced to disk; empty if there were no rows.
    /// - Throws: ``ArchiveError``.
    package func finish() throws -> [FileEntry] {
        precondition(begun == 0 && spool == nil, "a row was not ended")
        try flush()
        try compressor.finish(write)
        try closeFile()
        return finished
    }

    /// Compresses the complete rows into a frame; an incomplete row moves to the front of the buffer.
    private func flush() throws {
        guard filled > 0 else { return }
        try compressor.compress(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), rows: bufferedRows, write)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[filled..<filled + begun]))
        (filled, bufferedRows) = (0, 0)
    }

    // MARK: Rows that are longer than a frame's bytes

    /// Spools a row to disk until its length is known, because a frame begins with its content's size.
    private func beginSpool() throws -> RowSpool {
        // The file is needed anyway, and the spool goes to the same folder, which has space.
        let open = try file ?? OpenFile(file: makeFile())
        file = open
        let spool = try RowSpool(beside: open.file)
        try spool.append(UnsafeRawBufferPointer(rebasing: buffer[..<begun]))
        begun = 0
        self.spool = spool
        return spool
    }

    private func append(_ piece: UnsafeRawBufferPointer, endsRow: Bool, to spool: RowSpool) throws {
        try spool.append(piece)
        guard endsRow else { return }
        try compressor.compress(spool.bytes, nextPiece: spool.nextPiece, write)
        self.spool = nil
    }

    /// Writes a piece of a frame; the last piece comes with the frame's content.
    private func write(_ piece: UnsafeRawBufferPointer, _ frame: FrameCompressor.Frame?) throws {
        var open = try file ?? OpenFile(file: makeFile())
        try open.file.write(piece)
        if let frame {
            open.contentBytes += frame.contentBytes
            open.rows += frame.rows
            open.frames += 1
        }
        file = open
        if frame != nil, open.file.bytes >= fileBytes { try closeFile() }
    }

    private func closeFile() throws {
        guard let open = file else { return }
        file = nil
        let written = try open.file.close()
        finished.append(
            FileEntry(
                name: open.file.name,
                bytes: written.bytes,
                sha256: written.sha256,
                contentBytes: open.contentBytes,
                rows: open.rows,
                frames: open.frames
            )
        )
    }
}
