import Glibc

/// Writes files completely or not at all, and reports the system's error if that fails.
package enum WholeFile {
    /// Writes a file under a temporary name and renames it, so that a reader sees the old file or the new one.
    ///
    /// - Parameters:
    ///   - text: The content.
    ///   - path: The file, which may exist already.
    /// - Throws: ``FileError``; nothing of the new file remains then.
    package static func write(_ text: String, to path: String) throws {
        var temporary = Array("\(path).XXXXXX".utf8CString)
        // Readable by its owner only until it is complete.
        let descriptor = mkstemp(&temporary)
        guard descriptor >= 0 else { throw failure(path) }
        defer { Glibc.close(descriptor) }
        do {
            var text = text
            try text.withUTF8 { try writeAll(UnsafeRawBufferPointer($0), to: descriptor, path) }
            let mask = umask(0)
            umask(mask)
            guard fchmod(descriptor, 0o666 & ~mask) == 0, fsync(descriptor) == 0, rename(temporary, path) == 0 else {
                throw failure(path)
            }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Writes a file that only its owner may read; the folder must be private as well.
    ///
    /// - Parameters:
    ///   - text: The content.
    ///   - path: The file, which may exist already.
    /// - Throws: ``FileError``.
    package static func writePrivate(_ text: String, to path: String) throws {
        var text = text
        try text.withUTF8 { try writePrivate(UnsafeRawBufferPointer($0), to: path) }
    }

    /// Writes a file that only its owner may read; the folder must be private as well.
    ///
    /// - Parameters:
    ///   - bytes: The content.
    ///   - path: The file, which may exist already.
    /// - Throws: ``FileError``.
    package static func writePrivate(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        defer { Glibc.close(descriptor) }
        try writeAll(bytes, to: descriptor, path)
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw failure(path) }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(written))
        }
    }

    /// The error of the last system call.
    private static func failure(_ path: String) -> FileError {
        FileError("cannot write \(path): \(String(cString: strerror(errno)))")
    }
}
