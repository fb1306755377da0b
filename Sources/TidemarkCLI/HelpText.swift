/// The text of a command's help, with examples at its end.
enum HelpText {
    /// - Parameters:
    ///   - about: What the command does, besides its abstract.
    ///   - examples: Command lines; under 74 columns, because the parser would break longer ones.
    /// - Returns: The text.
    static func of(_ about: String = "", examples: String...) -> String {
        (about.isEmpty ? "" : "\(about)\n\n") + "Examples:\n"
            + examples.map { "  tidemark \($0)" }.joined(separator: "\n")
    }
}
