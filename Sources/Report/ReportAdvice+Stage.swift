/// The verdict and the next steps where a stage is moved into a target that serves others.
extension ReportAdvice {
    private static let wayBack =
        "Turning back is possible as long as the stage's customers have not written to the target: the source was only read."

    /// - Parameter report: The report of a precopy, a cutover or a verification of a stage.
    /// - Returns: The verdict, its tone and what to do; nil: as for any other run.
    static func ofStage(_ report: RunReport) -> (verdict: String, tone: String, steps: [String])? {
        switch report.outcome {
        case .done where report.verification == nil:
            return (
                "Done", "good",
                [
                    "Run tidemark precopy again to catch up, the last time shortly before the stage's customers move.",
                    "When nothing writes their rows on the source any more: tidemark cutover. Others may go on writing on both sides.",
                ]
            )
        case .done:
            return (
                "Proven", "good",
                [
                    "Let the stage's customers into the target. Their rows on the source are left as they are.",
                    "Refresh the target's materialized views that read these tables.",
                    "When you no longer need the ledger: tidemark finish. The next stage begins with precopy --stage.",
                ]
            )
        case .rehearsed:
            return (
                "Rehearsed", "good",
                [
                    "Keep the stage's customers on the source: what the target has of them is a moment that is past.",
                    "When nothing writes their rows on the source any more: tidemark cutover.",
                ]
            )
        case .differs:
            return (
                "Differs: keep the stage's customers out", "bad",
                [
                    "Read the findings, worst first: each shows what the source has and what the target has.",
                    "Rows that refer to missing ones need those on the target: copy them by hand, or with the stage they belong to.",
                    "Then run tidemark cutover again. \(wayBack)",
                ]
            )
        case .notProven where report.lateWrites != nil:
            return (
                "Not proven: the stage's rows are still written", "warn",
                [
                    "Find out what still writes the stage's rows on the source: each line that says NOT PROVEN names it. Stop it.",
                    "Then run tidemark cutover again: it copies what was written since. \(wayBack)",
                ]
            )
        case .notProven:
            return (
                "Not proven: keep the stage's customers out", "warn",
                [
                    "Nothing that was checked differs. Remove the cause of each line that says NOT PROVEN.",
                    "Then run tidemark cutover again: it proves everything once more.",
                ]
            )
        case .stopped, .failed: return nil
        }
    }
}

extension RunReport {
    /// The headline of a stage; nil: as for any other run.
    var headlineOfStage: String? {
        switch outcome {
        case .done where verification == nil, .stopped, .failed: nil
        case .done: "PROVEN: the rows of this stage are equal on both sides"
        case .rehearsed: "REHEARSED: the rows of this stage are those that the source had in the rehearsal's snapshot"
        case .differs:
            "DIFFERS: rows of this stage are missing or wrong, or refer to missing rows; keep its customers out"
        case .notProven where lateWrites != nil: "NOT PROVEN: rows of this stage are still written on the source"
        case .notProven: "NOT PROVEN: keep the stage's customers out; something could not be checked"
        }
    }
}
