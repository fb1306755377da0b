import FoundationEssentials
import Glibc

/// A folder that no other user can read; it is removed with the last reference to it.
///
/// One that a killed process has left behind is removed by the next process: the owner of a folder keeps a file in it locked.
package final class PrivateFolder: Sendable {
    private static let prefix = "tidemark-"
    private static let ownerName = "owner"
    /// How long the owner of a new folder may take to lock it, in seconds.
    private static let secondsToLock = 5

    package let path: String
    /// The locked file.
    private let owner: Int32

    /// - Parameter scratch: The folder in which it is created.
    /// - Throws: ``FileError``.
    package init(in scratch: String) throws {
        Self.sweep(scratch)
        var template = Array("\(scratch)/\(Self.prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw FileError(
                "cannot create a folder in \(scratch): \(String(cString: strerror(errno)))",
                hint: "set TMPDIR to a folder for temporary files"
            )
        }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        owner = open("\(path)/\(Self.ownerName)", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard owner >= 0, flock(owner, LOCK_EX | LOCK_NB) == 0 else {
            throw FileError(
                "cannot create a file in \(path): \(String(cString: strerror(errno)))",
                hint: Self.hint
            )
        }
    }

    private static let hint = "free space there, or set TMPDIR to another folder for temporary files"

    /// Removes folders whose owners were killed; they may hold definitions, and files with passwords.
    private static func sweep(_ scratch: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: scratch)) ?? []
        where name.utf8.starts(with: prefix.utf8) {
            let left = "\(scratch)/\(name)"
            var status = stat()
            guard lstat(left, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid() else {
                continue
            }
            let owner = open("\(left)/\(ownerName)", O_WRONLY | O_NOFOLLOW | O_CLOEXEC)
            guard owner >= 0 else { continue }
            defer { close(owner) }
            guard fstat(owner, &status) == 0, time(nil) - status.st_mtim.tv_sec > secondsToLock,
                flock(owner, LOCK_EX | LOCK_NB) == 0
            else { continue }
            try? FileManager.default.removeItem(atPath: left)
        }
    }

    /// Refuses to go on if no space is left in it: a program that wrote a file there may not have noticed.
    ///
    /// - Throws: ``FileError``.
    package func refuseIfFull() throws {
        var status = statvfs()
        // Some file systems report no sizes at all; root may use what is reserved.
        guard statvfs(path, &status) == 0, status.f_blocks > 0,
            (geteuid() == 0 ? status.f_bfree : status.f_bavail) == 0
        else { return }
        throw FileError("no space is left in \(path)", hint: Self.hint)
    }

    /// Creates an empty folder in a private one that exists while `body` runs.
    ///
    /// - Parameters:
    ///   - scratch: The folder in which the private one is created.
    ///   - body: Takes the empty folder's path.
    /// - Returns: What `body` returns.
    /// - Throws: ``FileError``, and what `body` throws.
    package static func with<Result>(
        in scratch: String,
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        let folder = try PrivateFolder(in: scratch)
        defer { withExtendedLifetime(folder) {} }
        let content = folder.file("content")
        guard mkdir(content, 0o700) == 0 else {
            throw FileError("cannot create a folder in \(folder.path): \(String(cString: strerror(errno)))", hint: hint)
        }
        return try await body(content)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        close(owner)
    }

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
                hint: Self.hint
            )
        }
    }
}
