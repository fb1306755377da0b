import Foundation
import Testing

@Suite struct `The documentation's examples` {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Lines without their indentation: an example stands elsewhere in the test.
    private static func lines(_ text: String) -> [String] {
        text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    @Test(arguments: [
        "Sources/Tidemark/Tidemark.docc/FirstMigration.md", "Sources/Tidemark/Tidemark.docc/Embedding.md",
    ])
    func `compile`(_ page: String) throws {
        let compiled = Set(Self.lines(try Self.text("Tests/UnitTests/Snippets.swift")))
        let blocks = try Self.text(page).components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(!blocks.isEmpty)
        for line in blocks.flatMap(Self.lines) {
            #expect(compiled.contains(line), "\(page) has an example that is not compiled: \(line)")
        }
    }
}
