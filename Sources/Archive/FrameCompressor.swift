import CZstd

/// Makes zstd frames, one after the other or several at a time, and hands them over in the order in which they were
/// given.
///
/// With threads, each frame in the making has a context of its own with one worker: a call that brings input returns at
/// once, and the one that fetches the frame waits for it (zstd manual, `ZSTD_c_nbWorkers`).
final class FrameCompressor {
    /// What a frame holds.
    struct Frame {
        let contentBytes: Int
        let rows: Int
    }

    private struct Lane {
        let context: OpaquePointer
        /// What is being made.
        var frame: Frame?
    }

    /// Fewer bytes zstd gives to no worker; more are several jobs, for which it wants their output taken in between.
    private static let leftToWorker = (512 << 10) + 1...1 << 20

    private var lanes: [Lane] = []
    private let isThreaded: Bool
    /// Whose turn it is: in a full ring it is also the one that was given its frame first.
    private var next = 0
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 64)

    /// Takes a piece of a frame; with the last piece comes what the frame holds.
    typealias Writing = (UnsafeRawBufferPointer, Frame?) throws -> Void

    init(_ compression: Compression) throws {
        isThreaded = compression.threads > 0
        for _ in 0..<max(1, compression.threads) {
            guard let context = ZSTD_createCCtx() else {
                throw ArchiveError(.failed, "zstd", "out of memory")
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

    /// Makes a frame of some rows; it may be handed over now or later.
    func compress(_ bytes: UnsafeRawBufferPointer, rows: Int, _ write: Writing) throws {
        let isLeftToWorker = isThreaded && Self.leftToWorker.contains(bytes.count)
        if isLeftToWorker { try fetch(next, write) } else { try finish(write) }
        let context = lanes[next].context
        lanes[next].frame = Frame(contentBytes: bytes.count, rows: rows)
        try check(ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count)))
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        guard isLeftToWorker else { return try end(next, input, write) }
        // Nothing is taken out yet: the worker keeps it. A first call that ended the frame would do it all by itself.
        var none = ZSTD_outBuffer(dst: output.baseAddress, size: 0, pos: 0)
        input.size = bytes.count - 1
        try check(ZSTD_compressStream2(context, &none, &input, ZSTD_e_continue))
        input.size = bytes.count
        try check(ZSTD_compressStream2(context, &none, &input, ZSTD_e_end))
        guard input.pos == input.size else { throw ArchiveError(.failed, "zstd", "zstd did not accept a whole frame") }
        next = (next + 1) % lanes.count
    }

    /// Makes a frame of one row that is longer than what is kept in memory.
    ///
    /// - Parameters:
    ///   - bytes: How long it is.
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
        try end(next, ZSTD_inBuffer(src: nil, size: 0, pos: 0), write)
    }

    /// Hands over what is still being made.
    func finish(_ write: Writing) throws {
        for offset in lanes.indices { try fetch((next + offset) % lanes.count, write) }
    }

    private func fetch(_ lane: Int, _ write: Writing) throws {
        guard lanes[lane].frame != nil else { return }
        try end(lane, ZSTD_inBuffer(src: nil, size: 0, pos: 0), write)
    }

    private func end(_ lane: Int, _ input: ZSTD_inBuffer, _ write: Writing) throws {
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
            throw ArchiveError(.failed, "zstd", "zstd: \(String(cString: ZSTD_getErrorName(result)))")
        }
        return result
    }
}
