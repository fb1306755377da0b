import Glibc

/// Standard output for more than a report: in large pieces, and with an eye on whether anybody takes them.
struct StandardOutput {
    static let descriptor = STDOUT_FILENO
    private static let capacity = 256 << 10

    private var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(Self.capacity)
    }

    mutating func append(_ more: UnsafeRawBufferPointer) throws {
        bytes.append(contentsOf: more)
        if bytes.count >= Self.capacity { try flush() }
    }

    mutating func flush() throws {
        try bytes.withUnsafeBytes { try Output.standard.write($0) }
        bytes.removeAll(keepingCapacity: true)
    }
}

/// Standard input, for more than an answer.
enum StandardInput {
    static let descriptor = STDIN_FILENO
}
