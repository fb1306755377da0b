import Foundation
import Testing

/// Texts that people read, kept whole in files beside the tests: a change of one is seen in the review of the file.
///
/// With `TIDEMARK_WRITE_GOLDEN=1` in the environment the files are written instead of compared.
enum Golden {
    /// Compares a text with its file.
    ///
    /// - Parameters:
    ///   - text: What is printed now.
    ///   - name: The file's name in `Golden`.
    /// - Throws: Where the file cannot be read, or written.
    static func expect(_ text: String, _ name: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
        if ProcessInfo.processInfo.environment["TIDEMARK_WRITE_GOLDEN"] == "1" {
            try text.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let wanted = try String(contentsOf: file, encoding: .utf8)
        let (now, before) = (text.split(separator: "\n"), wanted.split(separator: "\n"))
        let first = zip(now, before).first { $0 != $1 }
        #expect(
            text == wanted,
            "\(name) is printed otherwise now: \(first.map { "'\($0)', not '\($1)'" } ?? "its length differs")"
        )
    }
}
