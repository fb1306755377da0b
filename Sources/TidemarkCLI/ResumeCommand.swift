import FoundationEssentials
import Postgres

/// The command line as it can be typed again, without secrets.
struct ResumeCommand {
    let text: String

    private static let connectionOptions = ["--source", "--target"]

    /// - Parameters:
    ///   - arguments: The command line, with the program's name.
    ///   - start: When it was given: a window that began then stays the same one.
    init(_ arguments: [String], begun start: Date = .now) {
        var words: [String] = []
        for word in Self.withoutWindow(arguments.dropFirst(), begun: start) {
            if let last = words.last, Self.connectionOptions.contains(last) {
                words.append(Self.shown(word))
            } else if let option = Self.connectionOptions.first(where: { word.utf8.starts(with: "\($0)=".utf8) }) {
                words.append(
                    "\(option)=\(Self.shown(String(decoding: word.utf8.dropFirst(option.utf8.count + 1), as: UTF8.self)))"
                )
            } else {
                words.append(Self.word(word))
            }
        }
        text = (["tidemark"] + words).joined(separator: " ")
    }

    /// The words with `--deadline TIME` instead of `--window DURATION`, which would begin again.
    private static func withoutWindow(_ words: ArraySlice<String>, begun start: Date) -> [String] {
        let option = "--window"
        var (changed, rest) = ([String](), words)
        while let word = rest.popFirst() {
            if word == option, let duration = rest.first, let end = Deadline(window: duration, now: start) {
                rest.removeFirst()
                changed += ["--deadline", end.text]
            } else if word.utf8.starts(with: "\(option)=".utf8),
                let end = Deadline(
                    window: String(decoding: word.utf8.dropFirst(option.utf8.count + 1), as: UTF8.self),
                    now: start
                )
            {
                changed.append("--deadline=\(end.text)")
            } else {
                changed.append(word)
            }
        }
        return changed
    }

    /// A connection string, unless it has a password.
    private static func shown(_ connection: String) -> String {
        Endpoint.mayHaveSecret(connection) ? "'…'" : word(connection)
    }

    /// A word in quotes only where a shell would change it otherwise.
    private static func word(_ text: String) -> String {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:@%+=,".utf8.contains(byte)
            }
        }
        return !text.isEmpty && text.utf8.allSatisfy(isPlain) ? text : Escaping.shellWord(text)
    }
}
