import Foundation
import TestSupport
import Testing

/// The lines of the pages, run as they stand there.
@Suite struct `A runbook` {
    @Test(arguments: [
        ("README.md", "A first migration"), ("docs/OPERATIONS.md", "From Heroku to Amazon RDS or Aurora"),
        ("docs/OPERATIONS.md", "From your own servers to a cloud, across major versions"),
        ("docs/OPERATIONS.md", "By an object store, where the servers cannot meet"),
        ("docs/OPERATIONS.md", "Tenant by tenant"), ("docs/OPERATIONS.md", "Turning back"),
    ])
    func `leads to a proven target with ordinary roles`(page: String, heading: String) async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/runbook.sh", page, heading)
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("both sides are equal"), "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("7 constraints"), "\(outcome.output)\(outcome.errors)")
        let missing = try Self.missing(from: outcome.output, in: Self.section(heading, of: page))
        #expect(missing == nil, "\(outcome.output)")
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The lines below a heading, up to the next one.
    private static func section(_ heading: String, of page: String) throws -> [Substring] {
        let text = try String(contentsOf: root.appendingPathComponent(page), encoding: .utf8)
        let lines = text.split(separator: "\n").drop { $0 != "## \(heading)" }.dropFirst()
        return Array(lines.prefix { !$0.hasPrefix("## ") })
    }

    /// Returns the first line of the section's `output` blocks that was not printed, in their order; nil: all were.
    private static func missing(from output: String, in section: [Substring]) -> String? {
        var printed = output.split(separator: "\n").map(parts)[...]
        for line in shown(section) {
            guard let match = printed.firstIndex(where: { isShown(parts(line), by: $0) }) else { return String(line) }
            printed = printed[(match + 1)...]
        }
        return nil
    }

    /// The lines of blocks that are marked as output.
    private static func shown(_ section: [Substring]) -> [Substring] {
        var (lines, isInside): ([Substring], Bool) = ([], false)
        for line in section {
            if line.hasPrefix("```") { isInside = line == "```output" } else if isInside { lines.append(line) }
        }
        return lines
    }

    /// Words, with any number in place of each number.
    private static func parts(_ line: Substring) -> [String] {
        line.split(separator: " ").map { $0.replacing(/[0-9.,:-]*[0-9][0-9.,:-]*/, with: "0") }.map(String.init)
    }

    /// Whether a line was printed; it may end with `…`, for any words.
    private static func isShown(_ words: [String], by printed: [String]) -> Bool {
        words.last == "…" ? printed.starts(with: words.dropLast()) : printed == words
    }
}
