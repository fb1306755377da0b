import Ledger
import Postgres
import Verification

extension RunReport {
    /// How many findings the text shows; all of them are in the JSON.
    private static let shownFindings = 40
    private static let linesOfSmallScreen = 20

    /// The report as a screen of text, the verdict first.
    public var text: String {
        var lines = ["\(command): \(headline)", "  source  \(source)", "  target  \(target)", ""]
        if let failure { lines += [failure, ""] }
        lines += ReportAdvice(self).steps.enumerated().map { "\($0 == 0 ? "NEXT: " : "      ")\($1)" } + [""]
        if let state { lines += ["State: \(state)", ""] }
        lines += transferLines
        if let verification { lines += Self.lines(of: verification) }
        if let quiet { lines += ["Writes on the source: \(quiet)", ""] }
        if !warnings.isEmpty { lines += warnings.map { "WARNING: \($0)" } + [""] }
        lines += phaseLines
        if let forecast { lines += [""] + forecast.lines }
        let all = lines.joined(separator: "\n")
        // On a small terminal the beginning has scrolled away.
        let isLong = all.utf8.count { $0 == UInt8(ascii: "\n") } >= Self.linesOfSmallScreen
        return isLong ? "\(all)\n\n\(command): \(headline)" : all
    }

    /// The outcome in one line: the verdict, a colon and an explanation.
    public var headline: String {
        switch outcome {
        case .done where command == "precopy":
            "DONE: all chunks are copied up to their marks; the source may keep changing"
        case .done where command == "inspect": "CLEAR: nothing would stop the migration"
        case .failed where command == "inspect":
            "STOPS: \(Quantity.count(verification?.findings.count { $0.severity == .stops } ?? 0, "problem")) would stop the migration"
        case .done where command == "back":
            "PROVEN: the old database has everything that was written to the new one"
        case .notProven where command == "back":
            "NOT PROVEN: everything but what is named below was copied back to the old database"
        case _ where isStage == true && isTargetInUse != true && headlineOfStage != nil: headlineOfStage ?? ""
        case .failed where command == "back": "FAILED\(place): nothing was changed on the old database"
        case .stopped where command == "back": "STOPPED\(place): nothing was changed on the old database"
        case .done where verification == nil: "DONE"
        case .done where command == "rebuild":
            "PROVEN: keys, indexes and constraints match the source; rows were not compared"
        case .done where command == "restore": "PROVEN: the target equals what the archive recorded"
        case .done where isTargetInUse == true:
            "PROVEN: but for what was written on the target since the cutover, it equals the source"
        case .differs where isTargetInUse == true:
            "DIFFERS: not only by what was written on the target since the cutover"
        case .notProven where isTargetInUse == true:
            "NOT PROVEN: nothing is known to differ but what was written on the target since the cutover"
        case .done: "PROVEN: source and target are equal"
        case .rehearsed:
            "REHEARSED: the target equals the source as it was in the rehearsal's snapshot; do not open the target"
        case .differs where stopsTheApplication:
            "DIFFERS: do not open the target yet; rows are missing or wrong, or statements would fail"
        case .differs: "DIFFERS: the application would work, but source and target are not equal"
        case .notProven where lateWrites != nil:
            "NOT PROVEN: stopped before anything was built; the source is still in use"
        case .notProven: "NOT PROVEN: do not open the target yet; something could not be checked"
        case .failed: "FAILED\(place): what was committed stays; run the same command again to resume"
        case .stopped where isPastDeadline == true:
            "STOPPED\(place): it would not end before the deadline; what was committed stays"
        case .stopped: "STOPPED\(place): what was committed stays; run the same command again to resume"
        }
    }

    /// What a run that was stopped, or failed, leaves behind on the target.
    var state: String? {
        guard [.stopped, .failed].contains(outcome) || lateWrites != nil, let step = step.flatMap(RunStep.init) else {
            return nil
        }
        return switch step {
        case .begun: "the target's definitions are being created; there are no rows yet"
        case .defined: "rows are being copied ahead; keys and indexes are built table by table"
        case .precopied: "everything is copied up to its marks; the last delta is not, and the target is not complete"
        case .dataComplete: "the rows of the last snapshot are copied; keys and constraints are not complete"
        case .keysBuilt: "rows, keys and indexes are complete; other definitions are being created"
        case .lateDefinitions, .postData: "everything is created on the target, and not proven yet"
        case .done: "the last cutover or restore has ended as proven"
        }
    }

    /// Whether a finding means failing statements, or rows that are lost or wrong.
    var stopsTheApplication: Bool { verification?.findings.contains { $0.severity == .stops } ?? false }

    /// The phase in which a run ended early.
    private var place: String { phases.last.map { " in phase \"\($0.name)\"" } ?? "" }

    private var transferLines: [String] {
        guard transfer.chunks > 0 || transfer.objects > 0 else { return [] }
        var lines = [
            "Copied \(Quantity.count(transfer.rows, "row")), \(Quantity.bytes(transfer.bytes)), in "
                + (transfer.unchangedChunks > 0
                    ? "\(Quantity.count(transfer.chunks - transfer.unchangedChunks)) of "
                        + "\(Quantity.count(transfer.chunks, "chunk")); the others had not changed"
                    : Quantity.count(transfer.chunks, "chunk"))
        ]
        if transfer.removedRows > 0 {
            lines.append("Removed \(Quantity.count(transfer.removedRows, "row")) changed or deleted on the source")
        }
        if transfer.reconciledChunks > 0 {
            lines.append(
                "Compared \(Quantity.count(transfer.reconciledChunks, "chunk")) with the source: no usable mark"
            )
        }
        if transfer.largeObjects + transfer.removedLargeObjects > 0 {
            lines.append(
                "Copied \(Quantity.count(transfer.largeObjects, "large object")), removed "
                    + "\(Quantity.count(transfer.removedLargeObjects))"
            )
        }
        if transfer.objects > 0 {
            lines.append(
                "Built \(Quantity.count(transfer.objects, "key, index or constraint", many: "keys, indexes and constraints"))"
            )
        }
        if transfer.retries > 0 {
            lines.append("Retried \(Quantity.count(transfer.retries, "time")) after transient failures")
        }
        return lines + [""]
    }

    private var phaseLines: [String] {
        guard !phases.isEmpty else { return [] }
        var table = TextTable([("Phase", .left), ("Time", .right)])
        for phase in phases { table.append(phase.name, Quantity.seconds(phase.seconds)) }
        table.append("total", Quantity.seconds(seconds))
        return table.lines
    }

    private static func lines(of verification: VerificationResult) -> [String] {
        var lines: [String] = []
        for finding in verification.findings.prefix(shownFindings) { lines += Self.lines(of: finding) }
        let hidden = verification.findings.count - shownFindings
        if hidden > 0 {
            lines.append("… and \(Quantity.count(hidden, "more finding")); the files of --report and --json show all")
        }
        for reason in verification.notProven { lines.append("NOT PROVEN: \(reason)") }
        if !lines.isEmpty { lines.append("") }
        guard !verification.examined.isEmpty || !verification.tables.isEmpty else { return lines }
        var table = TextTable([("Checked", .left), ("source", .right), ("target", .right)])
        for kind in verification.examined where !kind.isEmpty {
            table.append(kind.kind, Quantity.count(kind.source), Quantity.count(kind.target))
        }
        let empty = verification.examined.filter(\.isEmpty).map(\.kind)
        let ranges = verification.tables.reduce(0) { $0 + $1.ranges }
        let standing = verification.tables.reduce(0) { $0 + $1.standingRanges }
        return lines + table.lines
            + (empty.isEmpty ? [] : wrapped("Nothing to check: " + empty.joined(separator: ", ")))
            + (verification.tables.isEmpty
                ? []
                : [
                    "Rows of \(Quantity.count(verification.tables.count, "table")) compared in "
                        + "\(Quantity.count(ranges, "range")) by \(verification.method)"
                ])
            + (standing > 0
                ? ["\(Quantity.count(standing, "range")) proven before: only rows written since were compared"] : [])
            + counted(verification) + usedIndexes(verification) + [""]
    }

    /// Wraps text at spaces to fit a terminal.
    private static func wrapped(_ text: String) -> [String] {
        let width = 100
        return text.utf8.split(separator: UInt8(ascii: " ")).map(Substring.init).reduce(into: [""]) { lines, word in
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + word.count < width {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append("  \(word)")
            }
        }
    }

    private static func counted(_ verification: VerificationResult) -> [String] {
        let tables = verification.tables.filter { $0.countedRanges > 0 }
        guard !tables.isEmpty else { return [] }
        let ranges = tables.reduce(0) { $0 + $1.countedRanges }
        let since = tables.compactMap(\.countedSince).min().map { " (\($0) at the earliest)" } ?? ""
        return wrapped(
            "\(Quantity.count(ranges, "range")) of \(Quantity.count(tables.count, "table")) proven before and not read: by the "
                + "counters of both servers nothing was written to them since\(since)"
        )
    }

    private static func usedIndexes(_ verification: VerificationResult) -> [String] {
        let used = verification.mostUsedIndexes
        guard !used.isEmpty else { return [] }
        let gone = used.filter { !$0.isOnTarget }
        guard !gone.isEmpty else {
            return [
                "The target has the source's \(Quantity.count(used.count, "most used index", many: "most used indexes"))"
            ]
        }
        return gone.map { "MISSING: index \($0.name.visible), used \(Quantity.count($0.scans, "time")) on the source" }
    }

    /// Shortens long text for the terminal; the report files contain all of it.
    private static func shortened(_ text: String) -> String {
        let limit = 600
        return text.count <= limit ? text : "\(text.prefix(limit))… (\(text.count - limit) characters more)"
    }

    static func lines(of finding: Finding) -> [String] {
        let label =
            switch finding.severity {
            case .stops: "STOPS"
            case .hurts: "HURTS"
            case .note: "NOTE "
            }
        // Names and definitions may contain newlines: indented, none of them can pass for a line of the report.
        func oneLine(_ text: String) -> String {
            let lines = Escaping.terminal(shortened(text), lines: true).utf8.split(
                separator: UInt8(ascii: "\n"),
                omittingEmptySubsequences: false
            )
            return lines.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n                 ")
        }
        var lines = ["\(label)  \(finding.kind) \(finding.object.visible): \(oneLine(finding.message))"]
        if let source = finding.source { lines.append("         source: \(oneLine(source))") }
        if let target = finding.target { lines.append("         target: \(oneLine(target))") }
        if let repair = finding.repair { lines.append("         repair: \(oneLine(repair));") }
        return lines
    }
}
