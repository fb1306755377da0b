import Glibc

/// Standard output for bulk data, written in large pieces; throws if a piece cannot be written.
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

/// Standard input for bulk data.
enum StandardInput {
    static let descriptor = STDIN_FILENO
}
