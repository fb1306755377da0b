public import Verification

/// The problems found before a migration begins.
public struct InspectionReport: Sendable, Codable {
    /// The source, without user or password.
    public let source: String
    /// The target, without user or password.
    public let target: String
    /// What would stop the migration or may surprise, worst first.
    public let findings: [Finding]

    package init(source: String, target: String, findings: [Finding]) {
        self.source = source
        self.target = target
        self.findings = findings
    }

    /// Whether nothing would stop the migration.
    public var isClear: Bool { !findings.contains { $0.severity == .stops } }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }

    /// The report as a screen of text.
    public var text: String {
        let stopping = findings.count { $0.severity == .stops }
        let headline =
            isClear
            ? "inspect: nothing would stop the migration"
            : "inspect: \(Quantity.count(stopping, "problem")) would stop the migration"
        let next =
            isClear
            ? "NEXT: tidemark plan; then tidemark precopy with the options that were given to inspect"
            : "NEXT: remove the cause of each line that says STOPS (or leave the object out), then inspect again"
        var lines = [headline, "  source  \(source)", "  target  \(target)", "", next]
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
