import Verification

/// What a report says to whoever has to decide, at four in the morning.
struct ReportAdvice {
    let verdict: String
    let tone: String
    let explanation: String
    /// In order.
    let steps: [String]

    init(_ report: RunReport) {
        let headline = report.headline
        let words = headline.firstRange(of: ": ").map { headline[$0.upperBound...] } ?? headline[...]
        explanation = words.prefix(1).uppercased() + words.dropFirst() + "."
        let findings = report.verification?.findings ?? []
        let mustBeRepaired = findings.contains { $0.severity == .stops }
        switch report.outcome {
        case .done:
            verdict = report.verification == nil ? "Done" : "Proven"
            tone = "good"
            switch report.command {
            case "precopy":
                steps = [
                    "On the night, with nobody writing to the source any more: tidemark cutover. Until then, the same command again moves the marks."
                ]
            case "dump", "merge":
                steps = ["Ship the archive as it is. The next dump into it is a delta."]
            case "restore" where report.verification == nil:
                steps = ["Restore the next delta when it comes, the last one without --ahead."]
            case "cutover", "restore":
                steps = [
                    "Open: let the application write to the target.",
                    "Enable the subscriptions that were brought over, if there are any.",
                    "When nobody needs the ledger any more: tidemark finish.",
                ]
            default: steps = ["Nothing."]
            }
        case .differs:
            verdict = mustBeRepaired ? "Differs: do not open yet" : "Differs"
            tone = mustBeRepaired ? "bad" : "warn"
            steps = [
                "Read the findings below, the worst come first; each tells what the source has, what the target has, and the SQL that repairs it, where there is one.",
                "Keys, indexes and constraints are built by: tidemark rebuild --concurrently.",
                "Then prove it again: tidemark verify.",
                "Going back is possible as long as nobody has written to the target: the source was only read.",
            ]
        case .notProven:
            verdict = "Not proven"
            tone = "warn"
            steps = [
                "Nothing that was examined differs. Read what could not be proven, and decide whether that is enough.",
                "To look at everything once more: tidemark verify.",
            ]
        case .stopped:
            verdict = "Stopped"
            tone = "warn"
            steps = ["Run the same command again: it goes on from what is committed."]
        case .failed:
            verdict = "Failed"
            tone = "bad"
            var steps = [
                "Read the error above and remove its cause.",
                "Run the same command again: it goes on from what is committed.",
            ]
            if report.command == "precopy" || report.command == "cutover" {
                steps.append("Going back is possible: the source was only read.")
            }
            self.steps = steps
        }
    }
}
