import Mustache
import Verification

/// A run's report as it is laid out for people and for build servers.
struct ReportPage {
    /// How many tables the plot shows.
    private static let plottedTables = 25

    private let report: RunReport

    init(_ report: RunReport) {
        self.report = report
    }

    func html() throws -> String { try render(PackageResources.page_mustache) }

    func markdown() throws -> String { try render(PackageResources.summary_mustache) }

    func junit() throws -> String { try render(PackageResources.junit_mustache) }

    private func render(_ template: [UInt8]) throws -> String {
        try MustacheTemplate(string: String(decoding: template, as: UTF8.self)).render(content)
    }

    // MARK: Content

    private var findings: [Finding] { report.verification?.findings ?? [] }

    private var content: [String: Any] {
        let advice = ReportAdvice(report)
        let notProven = report.verification?.notProven ?? []
        var content: [String: Any] = [
            "command": report.command, "toolVersion": report.toolVersion, "startedAt": report.startedAt,
            "source": report.source, "target": report.target, "duration": Quantity.seconds(report.seconds),
            "verdict": advice.verdict, "tone": advice.tone, "explanation": advice.explanation,
            "steps": advice.steps,
            "hasFindings": !findings.isEmpty, "findings": findings.map(Self.content), "findingsHeadline": headline,
            "hasNotProven": !notProven.isEmpty, "notProven": notProven,
            "hasNumbers": !numbers.isEmpty, "numbers": numbers,
            "hasPhases": !report.phases.isEmpty, "phases": phases,
            "hasExamined": report.verification != nil, "examined": examined,
            "hasTables": !tables.isEmpty, "tables": tables, "tablesHeadline": tablesHeadline,
            "hasWarnings": !report.warnings.isEmpty, "warnings": report.warnings,
        ]
        content["failure"] = report.failure
        content["quiet"] = report.quiet
        content["method"] = report.verification?.method
        content.merge(tests) { first, _ in first }
        return content
    }

    private var headline: String {
        let counts = Finding.Severity.allCases.reversed().compactMap { severity -> String? in
            let count = findings.count { $0.severity == severity }
            guard count > 0 else { return nil }
            switch severity {
            case .stops: return "\(count) would stop the business"
            case .hurts: return "\(count) would hurt"
            case .note: return "\(count) to know"
            }
        }
        return "Findings: " + counts.joined(separator: ", ")
    }

    private static func content(_ finding: Finding) -> [String: Any] {
        let label =
            switch finding.severity {
            case .stops: "STOPS"
            case .hurts: "HURTS"
            case .note: "NOTE"
            }
        var content: [String: Any] = [
            "kind": finding.kind, "object": finding.object, "message": finding.message, "severity": label,
            "tone": finding.severity.rawValue, "code": code(finding.object),
            "hasSides": finding.source != nil || finding.target != nil,
        ]
        // A template looks outside for what is not here: these are named otherwise than the run's.
        content["ours"] = finding.source
        content["theirs"] = finding.target
        content["repair"] = finding.repair
        content["repairLine"] = finding.repair.map { code($0) }
        return content
    }

    /// As Markdown's code, whatever is in it.
    private static func code(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
        return line.contains("`") ? "`` \(line) ``" : "`\(line)`"
    }

    private var numbers: [[String: String]] {
        let transfer = report.transfer
        let all: [(String, Int, String)] = [
            ("rows copied", transfer.rows, Quantity.count(transfer.rows)),
            ("bytes copied", transfer.bytes, Quantity.bytes(transfer.bytes)),
            ("chunks", transfer.chunks, Quantity.count(transfer.chunks)),
            ("unchanged chunks", transfer.unchangedChunks, Quantity.count(transfer.unchangedChunks)),
            ("rows removed", transfer.removedRows, Quantity.count(transfer.removedRows)),
            ("keys and indexes built", transfer.objects, Quantity.count(transfer.objects)),
            ("large objects", transfer.largeObjects, Quantity.count(transfer.largeObjects)),
            ("repeated attempts", transfer.retries, Quantity.count(transfer.retries)),
        ]
        return all.filter { $0.1 > 0 }.map { ["name": $0.0, "value": $0.2] }
    }

    private var phases: [[String: String]] {
        let end = report.phases.map { $0.start + $0.seconds }.max() ?? 0
        return report.phases.map { phase in
            [
                "name": phase.name, "value": Quantity.seconds(phase.seconds),
                "start": Self.percent(phase.start, of: end), "width": Self.percent(phase.seconds, of: end),
            ]
        }
    }

    private var examined: [[String: String]] {
        (report.verification?.examined ?? []).map { kind in
            let count = findings.count { $0.kind == kind.kind }
            let isEmpty = kind.source == 0 && kind.target == 0
            return [
                "kind": kind.kind, "source": isEmpty ? "nothing to examine" : Quantity.count(kind.source),
                "target": isEmpty ? "" : Quantity.count(kind.target), "findings": count == 0 ? "" : String(count),
                "tone": count > 0 ? "differs" : isEmpty ? "empty" : "",
            ]
        }
    }

    private var largest: [VerificationResult.ComparedTable] {
        (report.verification?.tables ?? []).filter { $0.sourceRows > 0 }.sorted { $0.sourceRows > $1.sourceRows }
    }

    private var tablesHeadline: String {
        let count = report.verification?.tables.count ?? 0
        return count > Self.plottedTables
            ? "Rows compared, the largest \(Self.plottedTables) of \(count) tables" : "Rows compared"
    }

    private var tables: [[String: String]] {
        let most = Double(largest.first?.sourceRows ?? 0)
        return largest.prefix(Self.plottedTables).map { table in
            [
                "name": table.name, "value": Quantity.count(table.sourceRows),
                "width": Self.percent(Double(table.sourceRows), of: most),
            ]
        }
    }

    private static func percent(_ part: Double, of whole: Double) -> String {
        let tenths = whole > 0 ? Int((1000 * part / whole).rounded()) : 0
        return "\(tenths / 10).\(tenths % 10)"
    }

    // MARK: For build servers

    /// One test for each kind that was examined, with a failure for each finding that is more than a note.
    private var tests: [String: Any] {
        let classes = report.verification?.examined ?? []
        let ofNoClass = Set(findings.map(\.kind)).subtracting(classes.map(\.kind)).sorted()
        var cases: [[String: Any]] = (classes.map(\.kind) + ofNoClass).map { kind in
            let failures = findings.filter { $0.kind == kind && $0.severity > .note }
            let isEmpty = classes.contains { $0.kind == kind && $0.source == 0 && $0.target == 0 }
            return [
                "name": kind, "isSkipped": isEmpty && failures.isEmpty,
                "failures": failures.map { finding in
                    [
                        "severity": finding.severity.rawValue, "title": "\(finding.object): \(finding.message)",
                        "detail": RunReport.lines(of: finding).joined(separator: "\n"),
                    ]
                },
            ]
        }
        for reason in report.verification?.notProven ?? [] { cases.append(["name": "proof", "error": reason]) }
        var run: [String: Any] = ["name": "run"]
        run["error"] = report.failure ?? (report.outcome == .stopped ? report.headline : nil)
        cases.append(run)
        return [
            "cases": cases, "testCount": cases.count,
            "failureCount": findings.count { $0.severity > .note },
            "errorCount": cases.count { $0["error"] != nil },
            "skippedCount": cases.count { $0["isSkipped"] as? Bool == true },
            "seconds": Self.percent(report.seconds / 100, of: 1),
        ]
    }
}
