import Crypto
import Glibc
import Postgres
import SystemPackage

/// A file being written.
package final class NewFile {
    package let name: String
    package let path: String
    private let descriptor: FileDescriptor
    private var hash = SHA256()
    package private(set) var bytes = 0

    /// Creates the file; an existing one of that name is an error and stays untouched.
    ///
    /// - Parameters:
    ///   - name: Its name in the folder.
    ///   - folder: The folder to create it in.
    /// - Throws: ``ArchiveError``.
    package init(_ name: String, in folder: String) throws {
        self.name = name
        path = "\(folder)/\(name)"
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path),
                .writeOnly,
                options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
                permissions: [.ownerRead, .ownerWrite]
            )
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be created: \(error)")
        }
    }

    deinit { try? descriptor.close() }

    package func write(_ bytes: UnsafeRawBufferPointer) throws {
        do {
            try descriptor.writeAll(bytes)
        } catch let error as Errno {
            throw ArchiveError(
                .failed,
                at: path,
                "cannot be written: \(error)",
                hint: error == .noSpace
                    ? "free space and run the same command again: it resumes after the last complete file; earlier generations are intact"
                    : nil
            )
        }
        hash.update(bufferPointer: bytes)
        self.bytes += bytes.count
    }

    /// Hashes and syncs what another program has written into it.
    func hashed() throws -> (bytes: Int, sha256: String) {
        let reading = try KnownFile.open(path)
        defer { try? reading.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
        defer { buffer.deallocate() }
        do {
            while case let count = try reading.read(into: buffer), count > 0 {
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                bytes += count
            }
        } catch {
            throw ArchiveError(.failed, at: path, "cannot be read: \(error)")
        }
        return try close()
    }

    /// Syncs the file and returns its size and hash.
    package func close() throws -> (bytes: Int, sha256: String) {
        guard fsync(descriptor.rawValue) == 0 else {
            throw ArchiveError(.failed, at: path, "cannot be synced: \(Errno(rawValue: errno))")
        }
        StatusPoint.fileSynced.reached()
        return (bytes, hash.finalize().hexadecimal)
    }
}

extension SHA256.Digest {
    package var hexadecimal: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }
}
