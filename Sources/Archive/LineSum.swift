/// How many lines of COPY text there were, and the sum of their hashes: the same in whatever order they come.
///
/// Whoever reads the rows anyway makes it on the way; a server that is to make it must send them.
package struct LineSum: Sendable, Hashable {
    package private(set) var rows = 0
    private var sum: UInt128 = 0

    package init() {}

    /// Adds a line, which ends with its newline.
    package mutating func add(_ line: UnsafeRawBufferPointer) {
        rows += 1
        sum += UInt128(XXH64.hash(UnsafeRawBufferPointer(rebasing: line.dropLast())))
    }

    /// The sum as a decimal.
    package var fingerprint: String { String(sum) }
}
