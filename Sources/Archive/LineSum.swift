/// How many lines of COPY text there were, and the sum of their hashes: the same in whatever order they come.
///
/// Whoever reads the rows anyway makes it on the way; a server that is to make it must send them.
package struct LineSum: Sendable, Hashable {
    package private(set) var rows = 0
    private var sum: UInt128 = 0
    /// The line that has not come to its end.
    private var line: XXH64.Stream?

    package init() {}

    /// Adds a line, which ends with its newline.
    package mutating func add(_ line: UnsafeRawBufferPointer) {
        rows += 1
        sum += UInt128(XXH64.hash(UnsafeRawBufferPointer(rebasing: line.dropLast())))
    }

    /// Adds a piece of a line.
    ///
    /// - Parameters:
    ///   - piece: The piece.
    ///   - endsLine: Whether it is the last, with the newline.
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
