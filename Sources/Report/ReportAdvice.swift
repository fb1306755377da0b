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
        if report.isTargetInUse == true, [.done, .differs, .notProven].contains(report.outcome) {
            (verdict, tone, steps) = Self.ofTargetInUse(report)
            return
        }
        if report.isStage == true, let ofStage = Self.ofStage(report) {
            (verdict, tone, steps) = ofStage
            return
        }
        if report.command == "inspect" {
            let isClear = report.outcome == .done
            (verdict, tone) = isClear ? ("Clear", "good") : ("Stops", "bad")
            steps = [
                isClear
                    ? "tidemark plan; then tidemark precopy with the options that were given to inspect."
                    : "Remove the cause of each finding that stops the migration (or leave the object out), then inspect again."
            ]
            return
        }
        if report.command == "back" {
            (verdict, tone, steps) = Self.ofTheWayBack(report)
            return
        }
        switch report.outcome {
        case .done:
            verdict = report.verification == nil ? "Done" : "Proven"
            tone = "good"
            steps = Self.steps(afterDone: report)
        case .rehearsed:
            verdict = "Rehearsed"
            tone = "good"
            steps = [
                "Keep the application on the source. The target is a copy of a moment that is past.",
                "To keep the delta small, run tidemark precopy as before; it takes off what acts on rows.",
                "On the night: stop the writes to the source, then tidemark cutover.",
            ]
        case .differs:
            verdict = report.stopsTheApplication ? "Differs: do not open yet" : "Differs"
            tone = report.stopsTheApplication ? "bad" : "warn"
            steps = Self.steps(afterDifferences: report)
        case .notProven where report.lateWrites != nil:
            verdict = "Not proven: the source is still in use"
            tone = "warn"
            steps = [
                "Nothing was built, and nothing has to be taken back: the target has only received rows. \(Self.wayBack(report))",
                "Find out what still writes to the source: each line that says NOT PROVEN names it, as it was seen then. Stop it for good.",
                "If a session is only forgotten, end it on the source: SELECT pg_terminate_backend(its server process).",
                "Then run tidemark cutover again: it copies what was written since, and goes on.",
            ]
        case .notProven:
            verdict = "Not proven: do not open yet"
            tone = "warn"
            steps = [
                "Nothing that was checked differs. Remove the cause of each line that says NOT PROVEN.",
                report.command == "cutover"
                    ? "Run tidemark cutover again: it proves everything once more, and names rows that were written too late."
                    : "Run the same command again.",
            ]
        case .stopped where report.isPastDeadline == true:
            verdict = "Stopped: too late for this night"
            tone = "warn"
            steps = [
                "Turn back for tonight: open the source to the application again. \(Self.wayBack(report))",
                "Another night needs only another tidemark cutover: it goes on from what was committed.",
                "To go on tonight all the same: run the same command without its deadline.",
            ]
        case .stopped:
            verdict = "Stopped"
            tone = "warn"
            steps = [Self.again(report)] + (report.isLive ? [Self.wayBack(report)] : [])
        case .failed:
            verdict = "Failed"
            tone = "bad"
            steps =
                [
                    "Fix the cause that the error names.",
                    Self.again(report),
                ]
                + (report.isLive ? [Self.wayBack(report)] : [])
        }
    }

    /// All or nothing has been copied back.
    private static func ofTheWayBack(_ report: RunReport) -> (verdict: String, tone: String, steps: [String]) {
        let opening = [
            "Keep the application off the new database. If the old one is read-only: tidemark unfence --source OLD. Then open it.",
            "If something has written to the new database meanwhile, run the same command again before you open the old one.",
            "Materialized views of the old database are as they were: REFRESH MATERIALIZED VIEW those that matter.",
        ]
        switch report.outcome {
        case .done: return ("Proven", "good", opening)
        case .notProven:
            return (
                "Not proven", "warn",
                ["Copy what each line that says NOT PROVEN names by hand, if it is needed."] + opening
            )
        default:
            return (
                report.outcome == .stopped ? "Stopped" : "Failed", report.outcome == .stopped ? "warn" : "bad",
                ["Both databases are as they were. Remove the cause, then run the same command again."]
            )
        }
    }

    /// Nothing can be copied any more, and the target stays open.
    private static func ofTargetInUse(_ report: RunReport) -> (verdict: String, tone: String, steps: [String]) {
        switch report.outcome {
        case .done:
            (
                "Proven", "good",
                [
                    "Nothing is left to compare: tidemark finish drops the ledger (with --abandon if the cutover was not proven)."
                ]
            )
        case .differs:
            (
                "Differs", "bad",
                [
                    "Compare each row that is named with the source, and repair it by hand: the target is in use.",
                    "Then run the same command again.",
                ]
            )
        default:
            (
                "Not proven", "warn",
                ["Remove the cause of each line that says NOT PROVEN, then run the same command again."]
            )
        }
    }

    private static func again(_ report: RunReport) -> String {
        let words = report.resumeCommand.map { ": \($0)" } ?? "."
        return ["dump", "merge"].contains(report.command)
            ? "Run the same command again\(words) (merge starts over, and so does dump with --consistent or --archive -.)"
            : "To go on from what was committed, run the same command again\(words)"
    }

    private static func wayBack(_ report: RunReport) -> String {
        "Turning back is possible as long as the application has not written to the target: the source was only read"
            + (report.isSourceFenced == true
                ? ", but it is read-only now: open it again with tidemark unfence --source …" : ".")
    }

    private static func steps(afterDone report: RunReport) -> [String] {
        switch report.command {
        case "precopy":
            [
                "Run tidemark precopy again to catch up, the last time shortly before the night.",
                "When all writes to the source have stopped: tidemark cutover.",
            ]
        case "dump": ["Copy the archive to the other side. The next dump into it is a delta."]
        case "merge": ["The new archive replaces the old one; the next dump into it is a delta."]
        case "restore" where report.verification == nil && report.isComplete:
            ["Prove the result before you open the target: run the same tidemark restore without --no-proof."]
        case "restore" where report.verification == nil:
            [
                "Restore each further delta when it arrives, with --ahead.",
                "During the night, restore the last delta without --ahead.",
            ]
        case "cutover", "restore":
            [
                "Open the target: let the application write to it.",
                "If there are subscriptions: disable them on the source first, then enable them on the target.",
                "When you no longer need the ledger: tidemark finish.",
            ]
        case "rebuild": ["Rows were not compared; to compare them: tidemark verify."]
        case "verify": ["The target may be opened, as long as the source is not written any more."]
        default: ["Nothing is left to do."]
        }
    }

    private static func steps(afterDifferences report: RunReport) -> [String] {
        let isRestore = report.command == "restore"
        let kinds = Set((report.verification?.findings ?? []).filter { $0.severity != .note }.map(\.kind))
        let ofRows = kinds.intersection(["rows", "row", "extension rows", "large object"])
        var steps = [
            "Read the findings, worst first. Each shows what the source has, what the target has and, if possible, the SQL that repairs it."
        ]
        if !ofRows.isEmpty {
            steps.append(
                "Rows differ: find out what wrote them; then follow \"Rows differ after the cutover\" in WHAT-IF.md."
            )
        }
        if kinds != ofRows, report.command != "rebuild" {
            steps.append(
                "To build missing keys, indexes and constraints: tidemark rebuild --concurrently"
                    + (isRestore ? " --from-ledger." : ".")
            )
        }
        let again =
            ["cutover", "restore"].contains(report.command)
            ? "run the same tidemark \(report.command) again" : "tidemark verify"
        steps.append("Then prove the result: \(again).")
        if report.isLive {
            steps.append(wayBack(report))
        }
        return steps
    }
}

extension RunReport {
    /// Whether the run reads a source that can be opened again.
    fileprivate var isLive: Bool { ["precopy", "cutover", "verify"].contains(command) }

    /// Whether a restore has created everything, not only rows and keys.
    fileprivate var isComplete: Bool { phases.contains { $0.name == RunPhase.constraints.rawValue } }
}
