import ArgumentParser
import Foundation
import Testing
import Yams

@testable import TidemarkCLI

@Suite struct `The documentation` {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Every page, by its path from the repository's root.
    private static let pages: [String] = {
        let found = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix(".md") && !$0.hasPrefix(".") && !$0.contains("/Golden/") }.sorted()
    }()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The blocks of code in a page, each with the word after its fence.
    private static func blocks(_ page: String) throws -> [(kind: String, text: String)] {
        let parts = try text(page).components(separatedBy: "```")
        return stride(from: 1, to: parts.count, by: 2).map { index in
            let lines = parts[index].components(separatedBy: "\n")
            return (lines[0], lines.dropFirst().joined(separator: "\n"))
        }
    }

    private static func headings(_ page: String) throws -> [String] {
        let parts = try text(page).components(separatedBy: "```")
        return stride(from: 0, to: parts.count, by: 2).flatMap { parts[$0].components(separatedBy: "\n") }
            .filter { $0.hasPrefix("#") }
    }

    /// A heading's anchor, as GitHub makes it.
    private static func anchor(_ heading: String) -> String {
        let text = heading.drop { $0 == "#" || $0 == " " }.lowercased()
        return text.compactMap { character -> String? in
            if character == " " { return "-" }
            return character.isLetter || character.isNumber || character == "-" || character == "_"
                ? String(character) : nil
        }.joined()
    }

    private static func links(_ page: String) throws -> [String] {
        let pattern = try NSRegularExpression(pattern: #"\]\(([^)\s]+)\)"#)
        let text = try text(page) as NSString
        return pattern.matches(in: text as String, range: NSRange(location: 0, length: text.length)).map {
            text.substring(with: $0.range(at: 1))
        }
    }

    @Test(arguments: pages) func `links to pages and headings that exist`(_ page: String) throws {
        for link in try Self.links(page) where !link.hasPrefix("https://") && !link.hasPrefix("mailto:") {
            // DocC finds pictures by their names.
            if page.contains(".docc/"), !link.contains(".") {
                let picture = (page as NSString).deletingLastPathComponent + "/Resources/\(link).svg"
                #expect(
                    FileManager.default.fileExists(atPath: Self.root.appending(path: picture).path),
                    "\(page): \(link)"
                )
                continue
            }
            let parts = link.components(separatedBy: "#")
            let folder = (page as NSString).deletingLastPathComponent
            let target =
                parts[0].isEmpty
                ? page : ((folder as NSString).appendingPathComponent(parts[0]) as NSString).standardizingPath
            #expect(
                FileManager.default.fileExists(atPath: Self.root.appending(path: target).path),
                "\(page) links to \(link)"
            )
            guard parts.count > 1, target.hasSuffix(".md") else { continue }
            let anchors = try Self.headings(target).map(Self.anchor)
            #expect(anchors.contains(parts[1]), "\(page) links to \(link), which has \(anchors)")
        }
    }

    /// The arguments of a command line, without a comment and without what a shell does after it.
    private static func arguments(_ line: String) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line {
            switch (character, quote) {
            case (quote, .some): quote = nil
            case ("'", nil), ("\"", nil):
                quote = character
                word = word ?? ""
            case (" ", nil):
                if let word { words.append(word) }
                word = nil
            case ("#", nil) where word == nil, ("|", nil), (">", nil), ("&", nil), (";", nil):
                return words + (word.map { [$0] } ?? [])
            default: word = (word ?? "") + String(character)
            }
        }
        return words + (word.map { [$0] } ?? [])
    }

    /// The changelog names commands as they were.
    @Test(arguments: pages.filter { $0 != "CHANGELOG.md" }) func `names commands and options that exist`(_ page: String)
        throws
    {
        var commands = try Self.blocks(page).filter { ["", "sh", "text"].contains($0.kind) }
            .flatMap { $0.text.components(separatedBy: "\n") }
        let inline = try NSRegularExpression(pattern: #"`(tidemark [^`\n]+)`"#)
        let text = try Self.text(page) as NSString
        commands += inline.matches(in: text as String, range: NSRange(location: 0, length: text.length)).map {
            text.substring(with: $0.range(at: 1))
        }
        // What stands for something else cannot be parsed.
        for line in commands where line.hasPrefix("tidemark ") && !line.contains("…") {
            // A time that is past is refused.
            let lasting = line.replacingOccurrences(
                of: "--deadline [0-9:]+",
                with: "--window 4h",
                options: .regularExpression
            )
            let words = Self.arguments(lasting).dropFirst().map { $0 == "N" ? "1" : $0 }
            guard words.first != "finish;", !words.contains(where: { $0.allSatisfy(\.isUppercase) && $0 == "COMMAND" })
            else {
                continue
            }
            do {
                _ = try TidemarkCommand.parseAsRoot(words)
            } catch {
                let message = TidemarkCommand.message(for: error)
                // Help and completions end by an error as well.
                guard TidemarkCommand.exitCode(for: error) != .success else { continue }
                Issue.record("\(page): \(line): \(message)")
            }
        }
    }

    /// A message that the page quotes is one that a command prints.
    @Test func `quotes messages as they are printed`() throws {
        let sources =
            FileManager.default.enumerator(atPath: Self.root.appending(path: "Sources").path)?
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") } ?? []
        let code = try sources.map { try Self.text("Sources/\($0)") }.joined(separator: "\n")
            .replacingOccurrences(of: "\"\n *\\+ \"", with: "", options: .regularExpression)
        let quoted = try NSRegularExpression(pattern: #"`([^`]{20,})`"#)
        var count = 0
        for line in try Self.text("docs/WHAT-IF.md").components(separatedBy: "\n") where line.hasPrefix("| `") {
            let cell = line.components(separatedBy: " | ")[0] as NSString
            for match in quoted.matches(in: cell as String, range: NSRange(location: 0, length: cell.length)) {
                // Names and numbers are of an example: the longest piece between them is the message's own.
                let message = cell.substring(with: match.range(at: 1))
                let pieces = message.replacingOccurrences(
                    of:
                        #"public\.\w+|server process|the source |\d\d:\d\d|\d+|\(.*?\)|…|NOT PROVEN: | on the source|is being filled from|'s definitions"#,
                    with: "\u{0}",
                    options: .regularExpression
                ).components(separatedBy: "\u{0}").map { $0.trimmingCharacters(in: .whitespaces) }
                let longest = pieces.max { $0.count < $1.count } ?? ""
                let isPrinted = code.contains(longest)
                #expect(isPrinted, "WHAT-IF quotes '\(longest)'")
                count += 1
            }
        }
        #expect(count > 10)
    }

    @Test func `is the same in Japanese`() throws {
        func shape(_ page: String) throws -> ([String], [String], [Int]) {
            let own: Set = ["README.md", "README.ja.md"]
            return (
                try Self.blocks(page).map { $0.kind + $0.text },
                try Self.links(page).filter { !own.contains($0) }.sorted(),
                try Self.headings(page).map { $0.prefix { $0 == "#" }.count }
            )
        }
        let (here, there) = (try shape("README.md"), try shape("README.ja.md"))
        #expect(here.0 == there.0)
        #expect(here.1 == there.1)
        #expect(here.2 == there.2)
    }

    /// The containers' arguments are commands, and nothing but text stands where a cluster expects text.
    @Test func `has deployments whose commands exist`() throws {
        var commands: [[String]] = []
        let documents = try Array(Yams.load_all(yaml: Self.text("docs/deploy/kubernetes.yaml"))).compactMap {
            $0 as? [String: Any]
        }
        #expect(documents.map { $0["kind"] as? String } == ["Secret", "Job", "Job"])
        for job in documents where job["kind"] as? String == "Job" {
            let spec = try #require(job["spec"] as? [String: Any])
            let template = try #require((spec["template"] as? [String: Any])?["spec"] as? [String: Any])
            for container in try #require(template["containers"] as? [[String: Any]]) {
                commands.append(try #require(container["args"] as? [String]))
            }
        }
        let task = try JSONSerialization.jsonObject(with: Data(Self.text("docs/deploy/ecs-worker.json").utf8))
        let containers = try #require((task as? [String: Any])?["containerDefinitions"] as? [[String: Any]])
        for container in containers { commands.append(try #require(container["command"] as? [String])) }
        let unit = try Self.text("docs/deploy/tidemark-worker@.service").components(separatedBy: "\n")
        let start = try #require(unit.first { $0.hasPrefix("ExecStart=") })
        commands.append(Array(start.components(separatedBy: " ").dropFirst()))
        #expect(commands.count == 4)
        for command in commands { #expect(throws: Never.self) { try TidemarkCommand.parseAsRoot(command) } }
    }
}
