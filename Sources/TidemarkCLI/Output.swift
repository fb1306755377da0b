import Glibc
import Postgres

/// The error when output cannot be written: the reader has closed the pipe, or the disk is full.
struct OutputError: Error, CustomStringConvertible {
    let description: String

    init(_ output: String, _ code: Int32) {
        description = "cannot write to \(output): \(String(cString: strerror(code)))"
    }
}

/// Standard output or standard error.
struct Output {
    static let standard = Output(descriptor: STDOUT_FILENO, name: "standard output")
    static let errors = Output(descriptor: STDERR_FILENO, name: "standard error")

    private let descriptor: Int32
    private let name: String

    /// The columns of the terminal that it is; nil if it is none.
    var width: Int? { isatty(descriptor) == 1 ? LiveView.size(of: descriptor).width : nil }

    /// Opens standard input, output and error if the caller closed them.
    ///
    /// Otherwise a file or a connection would get one of these descriptors, and the report would be written into it.
    static func reserveDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // Takes the lowest free descriptor. Read-only, so that printing to it fails instead of vanishing.
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// Writes text for people, with control characters escaped so that no name in it can move the cursor.
    ///
    /// - Throws: ``OutputError``.
    func write(_ text: String) throws {
        try writeRaw(Escaping.terminal(text, lines: true))
    }

    /// Writes text unchanged.
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
                // Another process made the terminal or the pipe non-blocking.
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            case let code: throw OutputError(name, code)
            }
        }
    }
}
