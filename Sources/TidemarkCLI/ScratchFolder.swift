import FoundationEssentials
import Glibc

/// A private folder that goes when it is not needed any more.
enum ScratchFolder {
    static func with<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array((base + "/tidemark-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw UsageError(description: "cannot make a folder in \(base); set TMPDIR to one with room")
        }
        let path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }
}
