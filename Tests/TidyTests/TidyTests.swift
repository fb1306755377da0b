import Foundation
import Testing

/// Checks of the source that the compiler cannot make.
@Suite struct `The source code` {
    private struct File {
        let path: String
        let lines: [String]
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// In the order of Package.swift: a module may only import modules further left.
    private static let layers = [
        "CLibpq", "CZstd", "Postgres", "Catalog", "Planning", "Ledger", "Archive", "Transfer", "Rebuild",
        "Verification", "Report",
        "Tidemark", "TidemarkCLI",
    ]

    private func files(in folder: String) throws -> [File] {
        let base = Self.root.appendingPathComponent(folder)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: base.path).filter { $0.hasSuffix(".swift") }
        let files = try paths.sorted().map { path in
            let text = try String(contentsOf: base.appendingPathComponent(path), encoding: .utf8)
            return File(path: "\(folder)/\(path)", lines: text.components(separatedBy: "\n"))
        }
        // A check without files must not pass.
        #expect(files.count > 20)
        return files
    }

    @Test func `imports only modules of lower layers`() throws {
        for file in try files(in: "Sources") {
            let module = file.path.split(separator: "/")[1]
            let own = try #require(Self.layers.firstIndex(of: String(module)), "\(file.path) is in no layer")
            for line in file.lines {
                let words = line.split(separator: " ")
                guard let position = words.firstIndex(of: "import"), position <= 1, let imported = words.last,
                    let other = Self.layers.firstIndex(of: String(imported))
                else { continue }
                #expect(other < own, "\(file.path) imports \(imported)")
            }
        }
    }

    /// A server with an encoding other than UTF-8 refuses queries with characters it lacks, even in comments.
    @Test func `has queries in ASCII only`() throws {
        let base = Self.root.appendingPathComponent("Sources")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: base.path).filter { $0.hasSuffix(".sql") }
        #expect(paths.count > 30)
        for path in paths {
            let text = try String(contentsOf: base.appendingPathComponent(path), encoding: .utf8)
            for (number, line) in text.components(separatedBy: "\n").enumerated()
            where !line.utf8.allSatisfy({ $0 < 128 }) {
                Issue.record("\(path):\(number + 1) has a character that is not ASCII")
            }
        }
    }

    /// docs/CONTRIBUTING.md, *Messages*: what a native engineer would not write.
    @Test func `says nothing in words that make people stumble`() throws {
        let words = [
            "anew", "whoever", "somebody", "nobody", "bring", "brings", "brought", "gone on with", "going on with",
            "beside", "of which", "of whom", "is another one", "leave away", "passed by", "tells of", "is told",
            "are told", "is otherwise", "defined otherwise", "looked at", "is none",
        ]
        let literal = try NSRegularExpression(pattern: #""((?:\\.|[^"\\])*)""#)
        let interpolation = try NSRegularExpression(pattern: #"\\\([^()]*(?:\([^()]*\)[^()]*)*\)"#)
        for file in try files(in: "Sources") {
            for (number, line) in file.lines.enumerated() {
                let code = line.components(separatedBy: "//")[0] as NSString
                for match in literal.matches(in: code as String, range: NSRange(location: 0, length: code.length)) {
                    let text = code.substring(with: match.range(at: 1)) as NSString
                    let own = interpolation.stringByReplacingMatches(
                        in: text as String,
                        range: NSRange(location: 0, length: text.length),
                        withTemplate: "…"
                    )
                    let padded =
                        " " + own.lowercased().map { $0.isLetter || $0 == "…" ? String($0) : " " }.joined() + " "
                    for word in words where padded.contains(" \(word) ") {
                        Issue.record("\(file.path):\(number + 1) says '\(word)': \(own)")
                    }
                }
            }
        }
    }

    /// The same words, where people read most. (docs/CONTRIBUTING.md quotes them.)
    @Test func `has documents without words that make people stumble`() throws {
        let words: Set = ["anew", "whoever", "somebody", "nobody", "whosoever"]
        let docs = Self.root.appendingPathComponent("docs")
        let paths =
            try FileManager.default.subpathsOfDirectory(atPath: docs.path).filter {
                $0.hasSuffix(".md") && $0 != "CONTRIBUTING.md"
            }.map { "docs/\($0)" } + ["README.md", "SECURITY.md", "CHANGELOG.md"]
        #expect(paths.count > 15)
        for path in paths {
            let text = try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
            for (number, line) in text.components(separatedBy: "\n").enumerated() {
                let found = line.lowercased().split { !$0.isLetter }.filter { words.contains(String($0)) }
                for word in found { Issue.record("\(path):\(number + 1) says '\(word)'") }
            }
        }
    }

    /// A query that no list names is never run.
    @Test func `names every query`() throws {
        let folder = Self.root.appendingPathComponent("Sources/Catalog/Queries")
        let queries = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
        #expect(queries.count > 30)
        let code = try files(in: "Sources").filter { $0.path.contains("/Catalog/") }.flatMap(\.lines).joined(
            separator: "\n"
        )
        for query in queries {
            let name = URL(fileURLWithPath: query).deletingPathExtension().lastPathComponent + "_sql"
            #expect(code.contains("PackageResources.\(name)"), "no list names \(query)")
        }
    }

    @Test func `keeps files short`() throws {
        for file in try files(in: "Sources") {
            #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines: split it")
        }
    }

    /// Labels say at the call what a value is for; a closure at the end needs none.
    @Test func `has at most two unlabelled parameters in a function`() throws {
        var count = 0
        for file in try files(in: "Sources") {
            // Lines that are comments become empty, so that the lines of code keep their numbers.
            let code = file.lines.map { $0.drop { $0 == " " }.hasPrefix("//") ? "" : $0 }.joined(separator: "\n")
            for function in code.matches(of: #/\b(func\s+[^\s(<]+|init\??)\s*(<[^(]*>)?\(/#) {
                count += 1
                var parameters = Self.parameters(atStartOf: code[function.range.upperBound...])
                if parameters.last?.contains("->") == true { parameters.removeLast() }
                let unlabelled = parameters.count { $0.hasPrefix("_ ") }
                guard unlabelled > 2 else { continue }
                let number = code[..<function.range.lowerBound].count { $0 == "\n" } + 1
                Issue.record("\(file.path):\(number): \(function.1) has \(unlabelled) of them")
            }
        }
        // A check that recognizes no functions must not pass.
        #expect(count > 1000)
    }

    /// - Parameter code: What follows the opening parenthesis of a list of parameters.
    /// - Returns: The parameters, each without the blanks around it.
    private static func parameters(atStartOf code: Substring) -> [String] {
        var parameters = [""]
        var depth = 0
        var before: Character = "("
        for character in code {
            if "([{<".contains(character) { depth += 1 }
            // The arrow of a closure's type closes nothing.
            if ")]}".contains(character) || (character == ">" && before != "-") { depth -= 1 }
            if depth < 0 { break }
            if character == ",", depth == 0 {
                parameters.append("")
            } else {
                parameters[parameters.count - 1].append(character)
            }
            before = character
        }
        return parameters.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
    }

    @Test func `gives a reason for what the compiler cannot check`() throws {
        for file in try files(in: "Sources") {
            for (number, line) in file.lines.enumerated() where !line.contains("///") {
                for word in ["fatalError(", "try!", "nonisolated(unsafe)", "as!", "TODO", "FIXME"]
                where line.contains(word) {
                    Issue.record("\(file.path):\(number + 1) has \(word)")
                }
                if line.contains("@unchecked Sendable") {
                    let above = file.lines[max(0, number - 8)..<number].joined()
                    #expect(above.contains("`@unchecked Sendable`:"), "\(file.path):\(number + 1) gives no reason")
                }
            }
        }
    }

    @Test func `never inserts names into SQL as plain text`() throws {
        for file in try files(in: "Sources") where !file.path.contains("/Report/") {
            for (number, line) in file.lines.enumerated() where line.contains("SQL(trusted: \"") {
                Issue.record("\(file.path):\(number + 1) trusts text inserted into SQL")
            }
        }
    }

    @Test func `never drops dependent objects, and never relies on a name alone`() throws {
        for file in try files(in: "Sources") {
            for (number, line) in file.lines.enumerated() where !line.contains("///") && !line.contains("// ") {
                for word in [" CASCADE", "IF NOT EXISTS"] where line.contains(word) {
                    // A temporary table belongs to the session alone.
                    guard !line.contains("CREATE TEMPORARY TABLE IF NOT EXISTS"), !line.contains("never with CASCADE")
                    else {
                        continue
                    }
                    Issue.record("\(file.path):\(number + 1) has \(word)")
                }
            }
        }
    }

    /// `String` treats a quote and an accent as one character, and é as equal to e and an accent.
    ///
    /// `ServerText` has the needed operations by bytes, under other names so that they are not confused.
    @Test func `splits no text by characters`() throws {
        let ofString = [
            ".replacing(", ".hasPrefix(", ".hasSuffix(", ".components(", ".split(separator: \"", ".range(of:",
        ]
        for file in try files(in: "Sources") {
            for (number, line) in file.lines.enumerated() where !line.contains("///") {
                for word in ofString where line.contains(word) {
                    Issue.record("\(file.path):\(number + 1) has \(word): use a ServerText, or its bytes (.utf8)")
                }
            }
        }
    }

    /// Names and texts from a server are compared by bytes.
    @Test func `keeps text from a server in a type that compares bytes`() throws {
        let ofServer = [
            "schema", "name", "tableName", "schemaName", "objectName", "definition", "statement", "statements",
            "labels",
            "expressions", "predicate", "comment", "constraintName", "indexName", "roleName", "databaseName",
            "tablespace",
        ]
        // File names, and text that reports print.
        let others = ["FileEntry", "NewFile", "/Report/", "VerificationResult", "RunReport", "Format", "/TidemarkCLI/"]
        for file in try files(in: "Sources") where !others.contains(where: file.path.contains) {
            var type = ""
            for (number, line) in file.lines.enumerated() {
                if let found = line.split(separator: " ").drop(while: { $0 != "struct" }).dropFirst().first {
                    type = String(found)
                }
                guard !others.contains(where: type.contains) else { continue }
                for word in ofServer
                where line.hasSuffix(" let \(word): String") || line.hasSuffix(" let \(word): String?") {
                    Issue.record("\(file.path):\(number + 1): \(word) is a String, not a ServerText")
                }
            }
        }
    }
}
