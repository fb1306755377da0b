/// Writes rows into zstd frames of about a mebibyte, none of them cut (docs/ARCHIVE_FORMAT.md, *Files of rows*).
package final class FrameWriter {
    private static let frameBytes = 1 << 20

    private let fileBytes: Int
    private let makeFile: () throws -> NewFile
    private let compressor: FrameCompressor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frameBytes, alignment: 64)
    private var filled = 0
    private var bufferedRows = 0
    /// Bytes of a row behind those that are whole.
    private var begun = 0
    /// Holds a row that is too long for the buffer.
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
    ///   - compression: How rows become files.
    ///   - makeFile: Makes a file that takes frames, when the first of them comes.
    /// - Throws: ``ArchiveError``.
    package init(_ compression: Compression, _ makeFile: @escaping () throws -> NewFile) throws {
        self.makeFile = makeFile
        fileBytes = compression.fileBytes ?? .max
        compressor = try FrameCompressor(compression)
    }

    deinit { buffer.deallocate() }

    /// Adds a row, with its newline.
    package func append(_ row: UnsafeRawBufferPointer) throws { try append(row, endsRow: true) }

    /// Adds a piece of a row; of a long row no more than a frame's bytes are in memory at a time.
    ///
    /// - Parameters:
    ///   - piece: The piece.
    ///   - endsRow: Whether it is the row's last, with the newline.
    /// - Throws: ``ArchiveError``.
    package func append(_ piece: UnsafeRawBufferPointer, endsRow: Bool) throws {
        if let spool { return try append(piece, endsRow: endsRow, to: spool) }
        if piece.count > buffer.count - filled - begun {
            try flush()
            if piece.count > buffer.count - begun {
                // Straight out of whose memory it is.
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

    /// Ends the last frame and the file.
    ///
    /// - Returns: What the manifest tells of the files, which are on disk; none where no row came.
    /// - Throws: ``ArchiveError``.
    package func finish() throws -> [FileEntry] {
        precondition(begun == 0 && spool == nil, "a row was not ended")
        try flush()
        try compressor.finish(write)
        try closeFile()
        return finished
    }

    /// Makes a frame of the rows that are whole; what has begun behind them stays, at the front.
    private func flush() throws {
        guard filled > 0 else { return }
        try compressor.compress(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), rows: bufferedRows, write)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[filled..<filled + begun]))
        (filled, bufferedRows) = (0, 0)
    }

    // MARK: Rows that are longer than a frame's bytes

    /// A frame tells first how much it holds: a row whose end is not known yet waits on disk.
    private func beginSpool() throws -> RowSpool {
        // The file comes into being anyhow, and says where there is room.
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

    /// Takes a frame, in pieces; the last of them tells what the frame holds.
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
