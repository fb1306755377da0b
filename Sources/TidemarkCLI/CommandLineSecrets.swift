import Postgres

/// Words of the command line that may be connection strings, or pieces of one that the shell split at spaces.
struct CommandLineSecrets {
    private static let hidden: ServerText = "…"

    /// Longest first, because a shorter word may be part of a longer one.
    private let words: [ServerText]

    /// - Parameter arguments: The command line, with the program's name.
    init(_ arguments: [String]) {
        let marks: [ServerText] = ["://", "password", "@"]
        func isMarked(_ word: ServerText) -> Bool { marks.contains { word.contains($0) } }
        var given = arguments.dropFirst().map { ServerText($0) }
        let hasString = given.contains(where: isMarked)
        // Keep the subcommand's name, which the usage line shows.
        if let first = given.first, !isMarked(first) { given.removeFirst() }
        // Keep option names: the message must show which one was mistyped.
        let values = given.flatMap { word -> [ServerText] in
            guard word.begins(with: "-") else { return [word] }
            return word.firstRange(of: "=").map { [word.dropFirst($0.upperBound)] } ?? []
        }
        words = hasString ? values.filter { $0.utf8.count >= 4 }.sorted { $0.utf8.count > $1.utf8.count } : []
    }

    /// Hides the words in a text.
    ///
    /// - Parameter text: The text about to be printed.
    /// - Returns: The text with each of the words replaced.
    func removed(from text: String) -> String {
        words.reduce(ServerText(text)) { $0.replacingAll($1, with: Self.hidden) }.string
    }
}
