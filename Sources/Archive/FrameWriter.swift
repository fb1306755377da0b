/// Writes rows into zstd frames of about a mebibyte, none of them cut (docs/ARCHIVE_FORMAT.md, *Files of rows*).
package final class FrameWriter {
    private static let frameBytes = 1 << 20

    private let fileBytes: Int
    private let makeFile: () throws -> NewFile
    private let compressor: FrameCompressor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: frameBytes, alignment: 64)
    private var filled = 0
    private var bufferedRows = 0
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
    package func append(_ row: UnsafeRawBufferPointer) throws {
        if row.count > buffer.count - filled {
            try flush()
            // Straight out of whose memory it is.
            if row.count > buffer.count { return try compress(row, rows: 1) }
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + row.count]).copyMemory(from: row)
        filled += row.count
        bufferedRows += 1
    }

    /// Ends the last frame and the file.
    ///
    /// - Returns: What the manifest tells of the files, which are on disk; none where no row came.
    /// - Throws: ``ArchiveError``.
    package func finish() throws -> [FileEntry] {
        try flush()
        try compressor.finish(write)
        try closeFile()
        return finished
    }

    private func flush() throws {
        guard filled > 0 else { return }
        try compress(UnsafeRawBufferPointer(rebasing: buffer[..<filled]), rows: bufferedRows)
        (filled, bufferedRows) = (0, 0)
    }

    private func compress(_ bytes: UnsafeRawBufferPointer, rows: Int) throws {
        try compressor.compress(bytes, rows: rows, write)
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
