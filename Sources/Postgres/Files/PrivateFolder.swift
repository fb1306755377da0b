import FoundationEssentials
import Glibc

/// A folder that no other user can read; it is removed with the last reference to it.
package final class PrivateFolder: Sendable {
    package let path: String

    /// - Parameter scratch: The folder in which it is created.
    /// - Throws: ``FileError``.
    package init(in scratch: String) throws {
        var template = Array((scratch + "/tidemark-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw FileError(
                "cannot create a folder in \(scratch): \(String(cString: strerror(errno)))",
                hint: "set TMPDIR to a folder for temporary files"
            )
        }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    /// Creates one that exists while `body` runs.
    ///
    /// - Parameters:
    ///   - scratch: The folder in which it is created.
    ///   - body: Takes the private folder's path.
    /// - Returns: What `body` returns.
    /// - Throws: ``FileError``, and what `body` throws.
    package static func with<Result>(
        in scratch: String,
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        let folder = try PrivateFolder(in: scratch)
        defer { withExtendedLifetime(folder) {} }
        return try await body(folder.path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in the folder.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file in the folder.
    ///
    /// - Throws: ``FileError``.
    package func write(_ text: String, to file: String) throws {
        do {
            try WholeFile.writePrivate(text, to: file)
        } catch let error as FileError {
            throw FileError(
                error.message,
                hint: "free space there, or set TMPDIR to another folder for temporary files"
            )
        }
    }
}
