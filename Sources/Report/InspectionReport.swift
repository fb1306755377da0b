public import Verification

/// The problems found before a migration begins.
public struct InspectionReport: Sendable, Codable {
    /// The source, without user or password.
    public let source: String
    /// The target, without user or password; nil if only the source was looked at.
    public let target: String?
    /// What would stop the migration or may surprise, worst first.
    public let findings: [Finding]

    /// The version of the tool.
    public let toolVersion: String
    /// When it ended, ISO 8601 in UTC.
    public let endedAt: String

    package init(source: String, target: String?, findings: [Finding], toolVersion: String, endedAt: String) {
        self.toolVersion = toolVersion
        self.endedAt = endedAt
        self.source = source
        self.target = target
        self.findings = findings
    }

    /// Whether nothing would stop the migration.
    public var isClear: Bool { !findings.contains { $0.severity == .stops } }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }

    /// What to do with it.
    var next: String {
        if !isClear {
            return "remove the cause of each line that says STOPS (or leave the object out), then inspect again"
        }
        return target == nil
            ? "create the target database, then tidemark inspect with --target as well"
            : "tidemark plan; then tidemark precopy with the options that were given to inspect"
    }

    /// The same as a report of a run, for the pages that people and build servers read.
    var asRun: RunReport {
        var report = RunReport(
            command: "inspect",
            toolVersion: toolVersion,
            source: source,
            target: target ?? "not checked",
            startedAt: endedAt
        )
        var verification = VerificationResult(method: "")
        verification.findings = findings
        report.verification = verification
        report.outcome = isClear ? .done : .failed
        return report
    }

    /// The report as a screen of text.
    public var text: String {
        let stopping = findings.count { $0.severity == .stops }
        let headline =
            isClear
            ? "inspect: nothing would stop the migration"
            : "inspect: \(Quantity.count(stopping, "problem")) would stop the migration"
        let place = target.map { "  target  \($0)" } ?? "  target  not checked: no --target was given"
        var lines = [headline, "  source  \(source)", place, "", "NEXT: \(next)"]
        if !findings.isEmpty {
            lines += [
                "",
                "STOPS: the migration would stop.  HURTS: it goes on, but you may miss something.  NOTE: good to know.",
                "",
            ]
        }
        for finding in findings { lines += RunReport.lines(of: finding) }
        return lines.joined(separator: "\n")
    }
}
