import Glibc
import Postgres

/// Nobody takes what the command prints: the reader went away, or the disk is full.
struct OutputError: Error, CustomStringConvertible {
    let description: String

    init(_ output: String, _ code: Int32) {
        description = "cannot write to \(output): \(String(cString: strerror(code)))"
    }
}

/// Standard output, or standard error.
struct Output {
    static let standard = Output(descriptor: STDOUT_FILENO, name: "standard output")
    static let errors = Output(descriptor: STDERR_FILENO, name: "standard error")

    private let descriptor: Int32
    private let name: String

    /// Keeps the descriptors of standard input, output and error from becoming those of a file or a connection where
    /// whoever started the command has closed them: reports would be written into it.
    static func reserveDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest one that is free; for reading, so that what is printed is told to have gone nowhere.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Writes text for people: whatever names it holds, none of them moves a cursor.
    ///
    /// - Throws: ``OutputError``.
    func write(_ text: String) throws {
        try writeRaw(Escaping.terminal(text, lines: true))
    }

    /// Writes text as it is.
    ///
    /// - Throws: ``OutputError``.
    func writeRaw(_ text: String) throws {
        var text = text
        try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes bytes.
    ///
    /// - Throws: ``OutputError``.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            guard written <= 0 else {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // Somebody else has made the terminal or the pipe non-blocking.
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            case let code: throw OutputError(name, code)
            }
        }
    }
}
