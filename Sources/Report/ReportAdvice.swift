import Verification

/// The verdict of a report and the steps it recommends, for the operator who has to decide.
struct ReportAdvice {
    let verdict: String
    let tone: String
    let explanation: String
    /// What to do, in order.
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
                    "When all writes to the source have stopped: tidemark cutover. Until then, run the same command again to catch up."
                ]
            case "dump", "merge":
                steps = ["Ship the archive as it is. The next dump into it is a delta."]
            case "restore" where report.verification == nil:
                steps = ["Restore each further delta when it arrives, the last one without --ahead."]
            case "cutover", "restore":
                steps = [
                    "Open the target: let the application write to it.",
                    "Enable the copied subscriptions, if there are any.",
                    "When you no longer need the ledger: tidemark finish.",
                ]
            default: steps = ["Nothing is left to do."]
            }
        case .differs:
            verdict = mustBeRepaired ? "Differs: do not open yet" : "Differs"
            tone = mustBeRepaired ? "bad" : "warn"
            steps = [
                "Read the findings below, worst first. Each shows what the source has, what the target has and, if possible, the SQL that repairs it.",
                "To build missing keys, indexes and constraints: tidemark rebuild --concurrently.",
                "Then prove the result again: tidemark verify.",
                "You can go back to the source as long as nothing was written to the target: the source was only read.",
            ]
        case .notProven:
            verdict = "Not proven"
            tone = "warn"
            steps = [
                "Nothing that was checked differs. Read what could not be proven, and decide whether that is acceptable.",
                "To check everything again: tidemark verify.",
            ]
        case .stopped:
            verdict = "Stopped"
            tone = "warn"
            steps = ["Run the same command again: it resumes from what was committed."]
        case .failed:
            verdict = "Failed"
            tone = "bad"
            var steps = [
                "Read the error above and fix its cause.",
                "Run the same command again: it resumes from what was committed.",
            ]
            if report.command == "precopy" || report.command == "cutover" {
                steps.append("You can go back to the source: it was only read.")
            }
            self.steps = steps
        }
    }
}
