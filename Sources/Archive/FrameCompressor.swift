import CZstd

/// Compresses zstd frames, one or several at a time, and delivers them in the order of their input.
///
/// With threads, each unfinished frame has its own context with one worker: a call that passes input returns at once,
/// and the call that fetches the frame waits for it (zstd manual, `ZSTD_c_nbWorkers`).
final class FrameCompressor {
    /// The content of a frame.
    struct Frame {
        let contentBytes: Int
        let rows: Int
    }

    private struct Lane {
        let context: OpaquePointer
        /// The frame in progress.
        var frame: Frame?
    }

    /// Sizes left to a worker: zstd uses no worker for fewer bytes, and splits more bytes into several jobs, whose
    /// output has to be fetched in between.
    private static let leftToWorker = (512 << 10) + 1...1 << 20

    private var lanes: [Lane] = []
    private let isThreaded: Bool
    /// The lane to use next; if all lanes are busy, it is the one with the oldest frame.
    private var next = 0
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 64)

    /// Takes a piece of a frame; the last piece comes with the frame's content.
    typealias Writing = (UnsafeRawBufferPointer, Frame?) throws -> Void

    init(_ compression: Compression) throws {
        isThreaded = compression.threads > 0
        for _ in 0..<max(1, compression.threads) {
            guard let context = ZSTD_createCCtx() else {
                throw ArchiveError(.failed, at: "zstd", "out of memory")
            }
            lanes.append(Lane(context: context))
            let parameters = [
                (ZSTD_c_compressionLevel, Int32(compression.level)), (ZSTD_c_checksumFlag, 1),
                (ZSTD_c_contentSizeFlag, 1), (ZSTD_c_nbWorkers, isThreaded ? 1 : 0),
            ]
            for (parameter, value) in parameters { try check(ZSTD_CCtx_setParameter(context, parameter, value)) }
        }
    }

    deinit {
        for lane in lanes { ZSTD_freeCCtx(lane.context) }
        output.deallocate()
    }

    /// Compresses rows into a frame, which may be delivered now or later.
    func compress(_ bytes: UnsafeRawBufferPointer, rows: Int, _ write: Writing) throws {
        let isLeftToWorker = isThreaded && Self.leftToWorker.contains(bytes.count)
        if isLeftToWorker { try fetch(next, write) } else { try finish(write) }
        let context = lanes[next].context
        lanes[next].frame = Frame(contentBytes: bytes.count, rows: rows)
        try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count)))
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        guard isLeftToWorker else { return try end(next, with: input, write) }
        // No output is fetched yet; the worker keeps it. If the first call ended the frame, zstd would compress it in
        // this thread.
        var none = ZSTD_outBuffer(dst: output.baseAddress, size: 0, pos: 0)
        input.size = bytes.count - 1
        try check(ZSTD_compressStream2(context, &none, &input, ZSTD_e_continue))
        input.size = bytes.count
        try check(ZSTD_compressStream2(context, &none, &input, ZSTD_e_end))
        guard input.pos == input.size else {
            throw ArchiveError(.failed, at: "zstd", "zstd did not accept a whole frame")
        }
        next = (next + 1) % lanes.count
    }

    /// Compresses one row that is too long to keep in memory into a frame.
    ///
    /// - Parameters:
    ///   - bytes: Its length.
    ///   - nextPiece: Its pieces, one after the other, each valid until the next; nil at the end.
    ///   - write: Takes the frame.
    /// - Throws: ``ArchiveError``, and what `nextPiece` and `write` throw.
    func compress(
        _ bytes: Int,
        nextPiece: () throws -> UnsafeRawBufferPointer?,
        _ write: Writing
    ) throws {
        try finish(write)
        let context = lanes[next].context
        lanes[next].frame = Frame(contentBytes: bytes, rows: 1)
        try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes)))
        while let piece = try nextPiece() {
            var input = ZSTD_inBuffer(src: piece.baseAddress, size: piece.count, pos: 0)
            while input.pos < input.size {
                var out = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                try check(ZSTD_compressStream2(context, &out, &input, ZSTD_e_continue))
                try write(UnsafeRawBufferPointer(rebasing: output[..<out.pos]), nil)
            }
        }
        try end(next, with: ZSTD_inBuffer(src: nil, size: 0, pos: 0), write)
    }

    /// Delivers all frames that are still in progress.
    func finish(_ write: Writing) throws {
        for offset in lanes.indices { try fetch((next + offset) % lanes.count, write) }
    }

    private func fetch(_ lane: Int, _ write: Writing) throws {
        guard lanes[lane].frame != nil else { return }
        try end(lane, with: ZSTD_inBuffer(src: nil, size: 0, pos: 0), write)
    }

    private func end(_ lane: Int, with input: ZSTD_inBuffer, _ write: Writing) throws {
        var input = input
        var left = 1
        while left > 0 {
            var out = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            left = try check(ZSTD_compressStream2(lanes[lane].context, &out, &input, ZSTD_e_end))
            try write(UnsafeRawBufferPointer(rebasing: output[..<out.pos]), left == 0 ? lanes[lane].frame : nil)
        }
        lanes[lane].frame = nil
    }

    @discardableResult
    private func check(_ result: Int) throws -> Int {
        guard ZSTD_isError(result) == 0 else {
            throw ArchiveError(.failed, at: "zstd", "zstd: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}
