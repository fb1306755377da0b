import Postgres

/// Words of the command line that may be connection strings, or pieces of one that the shell has cut at its spaces.
struct CommandLineSecrets {
    private static let hidden: ServerText = "…"

    /// The longest first: a shorter one may be a part of it.
    private let words: [ServerText]

    /// - Parameter arguments: The command line, with the program's name.
    init(_ arguments: [String]) {
        let marks: [ServerText] = ["://", "password", "@"]
        func isMarked(_ word: ServerText) -> Bool { marks.contains { word.contains($0) } }
        var given = arguments.dropFirst().map { ServerText($0) }
        let hasString = given.contains(where: isMarked)
        // The command's own name, which usage shows.
        if let first = given.first, !isMarked(first) { given.removeFirst() }
        // Options' and commands' names have to be shown, or nobody sees what was mistyped.
        let values = given.flatMap { word -> [ServerText] in
            guard word.begins(with: "-") else { return [word] }
            return word.firstRange(of: "=").map { [word.dropFirst($0.upperBound)] } ?? []
        }
        words = hasString ? values.filter { $0.utf8.count >= 4 }.sorted { $0.utf8.count > $1.utf8.count } : []
    }

    /// - Parameter text: What would be printed.
    /// - Returns: The same with each of the words replaced.
    func removed(from text: String) -> String {
        words.reduce(ServerText(text)) { $0.replacingAll($1, with: Self.hidden) }.string
    }
}
