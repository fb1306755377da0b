import FoundationEssentials
import Glibc

/// A folder that nobody else may look into, and that goes with the last who knows of it.
final class PrivateFolder: Sendable {
    let path: String

    /// - Parameter scratch: The folder in which it is made.
    /// - Throws: ``ToolError``.
    init(in scratch: String) throws {
        var template = Array((scratch + "/tidemark-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ToolError("cannot make a folder in \(scratch): \(String(cString: strerror(errno)))")
        }
        path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}
