/// The number of lines of COPY text and the sum of their hashes, which does not depend on their order.
///
/// It is computed by the client while it reads the rows; to compute it for a server, the client must read all rows.
package struct LineSum: Sendable, Hashable {
    package private(set) var rows = 0
    private var sum: UInt128 = 0
    /// The line that has not ended yet.
    private var line: XXH64.Stream?

    package init() {}

    /// Adds a line, including its newline.
    package mutating func add(_ line: UnsafeRawBufferPointer) {
        rows += 1
        sum += UInt128(XXH64.hash(UnsafeRawBufferPointer(rebasing: line.dropLast())))
    }

    /// Adds a piece of a line.
    ///
    /// - Parameters:
    ///   - piece: The piece.
    ///   - endsLine: Whether it is the line's last piece, with the newline.
    package mutating func add(_ piece: UnsafeRawBufferPointer, endsLine: Bool) {
        guard line != nil || !endsLine else { return add(piece) }
        line = line ?? XXH64.Stream()
        line?.add(endsLine ? UnsafeRawBufferPointer(rebasing: piece.dropLast()) : piece)
        guard endsLine, let whole = line else { return }
        rows += 1
        sum += UInt128(whole.hash)
        line = nil
    }

    /// The sum as a decimal.
    package var fingerprint: String { String(sum) }
}
