import Glibc
import Synchronization
import SystemPackage

/// Sends files one after the other as a tar archive (POSIX ustar): `tar x` turns it back into an archive's folder.
package final class TarWriter: Sendable {
    private static let block = 512

    private let output: Mutex<FileDescriptor>

    /// - Parameter descriptor: The descriptor to write the stream to; it stays open.
    package init(_ descriptor: Int32) {
        output = Mutex(FileDescriptor(rawValue: descriptor))
    }

    /// Sends a whole file under another name.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - name: Its name in the stream, shorter than 100 bytes.
    /// - Throws: ``ArchiveError``.
    package func send(_ path: String, as name: String) throws {
        let file = try KnownFile.open(path)
        defer { try? file.close() }
        let size = try KnownFile.size(file, path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { buffer.deallocate() }
        try output.withLock { output in
            do {
                try Self.header(name, size).withUnsafeBytes { _ = try output.writeAll($0) }
                var sent = 0
                while case let count = try file.read(into: buffer), count > 0 {
                    try output.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    sent += count
                }
                guard sent == size else { throw ArchiveError(.failed, at: path, "changed size while it was sent") }
                let rest = (Self.block - size % Self.block) % Self.block
                try [UInt8](repeating: 0, count: rest).withUnsafeBytes { _ = try output.writeAll($0) }
            } catch let error as Errno {
                throw ArchiveError(.failed, at: name, "cannot be sent: \(error)")
            }
        }
    }

    /// Ends the stream.
    package func finish() throws {
        try output.withLock { output in
            do {
                try [UInt8](repeating: 0, count: 2 * Self.block).withUnsafeBytes { _ = try output.writeAll($0) }
            } catch {
                throw ArchiveError(.failed, at: "the stream", "cannot be ended: \(error)")
            }
        }
    }

    private static func header(_ name: String, _ size: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: block)
        func put(_ text: String, at offset: Int) {
            for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
        }
        func octal(_ number: Int, _ width: Int) -> String {
            let digits = String(number, radix: 8)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        put(name, at: 0)
        put(octal(0o600, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        if size < 1 << 33 {
            put(octal(size, 11), at: 124)
        } else {
            // Eleven octal digits reach only 8 GiB; every tar reads this form.
            header[124] = 0x80
            for index in 0..<8 { header[135 - index] = UInt8(truncatingIfNeeded: size >> (8 * index)) }
        }
        put(octal(0, 11), at: 136)
        put("        0", at: 148)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        return header
    }
}
