import Mustache
import Postgres
import Verification

/// A run's report, laid out for people and for build servers.
struct ReportPage {
    /// How many tables a chart shows.
    private static let plottedTables = 25
    /// How many findings of one code are shown before the rest are collapsed.
    private static let shownOfCode = 5
    /// How many statements are listed; all of them are in the JSON.
    private static let listedStatements = 100

    private let report: RunReport

    init(_ report: RunReport) {
        self.report = report
    }

    func html() throws -> String { try render(PackageResources.page_mustache, Escaping.markup) }

    func markdown() throws -> String { try render(PackageResources.summary_mustache, Escaping.markdown) }

    func junit() throws -> String { try render(PackageResources.junit_mustache, Escaping.markup) }

    /// Renders a template with values that are escaped here, not by Mustache.
    ///
    /// Mustache escapes by grapheme clusters, and would not escape a `<` that is followed by a combining accent.
    private func render(_ template: [UInt8], _ escape: (String) -> String) throws -> String {
        try MustacheTemplate(string: String(decoding: template, as: UTF8.self)).render(Self.escaped(content, escape))
    }

    /// Text that is already in the output format and must not be escaped again.
    private struct Ready {
        let text: String
    }

    private static func escaped(_ value: Any, _ escape: (String) -> String) -> Any {
        switch value {
        case let ready as Ready: ready.text
        case let text as String: escape(text)
        case let list as [Any]: list.map { escaped($0, escape) }
        case let members as [String: Any]: members.mapValues { escaped($0, escape) }
        default: value
        }
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
            "groups": groups, "nothingToExamine": nothingToExamine, "hasNothing": !nothingToExamine.isEmpty,
            "hasNotProven": !notProven.isEmpty, "notProven": notProven,
            "hasNumbers": !numbers.isEmpty, "numbers": numbers,
            "hasPhases": !report.phases.isEmpty, "phases": phases,
            "hasExamined": report.verification?.examined.isEmpty == false, "examined": examined,
            "hasTables": !tables.isEmpty, "tables": tables, "tablesHeadline": tablesHeadline,
            "hasCopied": !copied.isEmpty, "copied": copied,
            "hasStatements": !statements.isEmpty, "statements": statements, "statementsHeadline": statementsHeadline,
            "hasUsedIndexes": !usedIndexes.isEmpty, "usedIndexes": usedIndexes,
            "hasWarnings": !report.warnings.isEmpty, "warnings": report.warnings,
        ]
        content["failure"] = report.failure
        content["failureBlock"] = report.failure.map { Ready(text: Escaping.markdownBlock($0)) }
        content["sourceCode"] = Ready(text: Escaping.markdownCode(report.source))
        content["targetCode"] = Ready(text: Escaping.markdownCode(report.target))
        content["quiet"] = report.quiet
        content["method"] = report.verification?.method
        content.merge(tests) { first, _ in first }
        return content
    }

    /// The findings by code; the first of each code are shown and the rest collapsed.
    ///
    /// Otherwise a hundred rows of one table would hide the index listed below them.
    private var groups: [[String: Any]] {
        var codes: [String] = []
        var byCode: [String: [Finding]] = [:]
        for finding in findings {
            if byCode[finding.code] == nil { codes.append(finding.code) }
            byCode[finding.code, default: []].append(finding)
        }
        return codes.map { code in
            let all = byCode[code] ?? []
            let shown = all.count <= Self.shownOfCode + 2 ? all.count : Self.shownOfCode
            return [
                "shown": all.prefix(shown).map(Self.content), "folded": all.dropFirst(shown).map(Self.content),
                "isFolded": all.count > shown, "foldedCount": Quantity.count(all.count - shown), "groupCode": code,
            ]
        }
    }

    private var nothingToExamine: String {
        (report.verification?.examined ?? []).filter(\.isEmpty).map(\.kind).joined(separator: ", ")
    }

    private var headline: String {
        let counts = Finding.Severity.allCases.reversed().compactMap { severity -> String? in
            let count = findings.count { $0.severity == severity }
            guard count > 0 else { return nil }
            switch severity {
            case .stops: return "\(count) would break the application"
            case .hurts: return "\(count) would cause trouble"
            case .note: return "\(count) for information"
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
            "tone": finding.severity.rawValue, "code": Ready(text: Escaping.markdownCode(finding.object)),
            "id": finding.code,
            "hasSides": finding.source != nil || finding.target != nil,
        ]
        // A template takes a name that is missing here from the enclosing scope: these must not be called source and
        // target, as the run's are.
        content["ours"] = finding.source
        content["theirs"] = finding.target
        content["repair"] = finding.repair
        content["repairLine"] = finding.repair.map { Ready(text: Escaping.markdownCode($0)) }
        return content
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
        (report.verification?.examined ?? []).filter { !$0.isEmpty }.map { kind in
            let count = findings.count { $0.kind == kind.kind }
            let isBad = findings.contains { $0.kind == kind.kind && $0.severity > .note }
            return [
                "kind": kind.kind, "source": Quantity.count(kind.source), "target": Quantity.count(kind.target),
                "findings": count == 0 ? "" : String(count), "tone": isBad ? "differs" : "",
            ]
        }
    }

    private var largest: [VerificationResult.ComparedTable] {
        (report.verification?.tables ?? []).filter { $0.sourceRows > 0 }.sorted { $0.sourceBytes > $1.sourceBytes }
    }

    private var tablesHeadline: String {
        let count = report.verification?.tables.count ?? 0
        return count > Self.plottedTables
            ? "The largest \(Self.plottedTables) of \(count) tables compared" : "Tables compared"
    }

    private var tables: [[String: String]] {
        let most = Double(largest.map { max($0.sourceBytes, $0.targetBytes) }.max() ?? 0)
        return largest.prefix(Self.plottedTables).map { table in
            [
                "name": table.name, "rows": Quantity.count(table.sourceRows),
                "source": Quantity.bytes(table.sourceBytes), "target": Quantity.bytes(table.targetBytes),
                "width": Self.percent(Double(table.sourceBytes), of: most),
                "targetWidth": Self.percent(Double(table.targetBytes), of: most),
            ]
        }
    }

    /// The tables that took longest, with the rate at which one worker copied each.
    private var copied: [[String: String]] {
        let tables = report.tables.filter { $0.bytes > 0 && $0.seconds > 0 }.prefix(Self.plottedTables)
        let rates = tables.map { Double($0.bytes) / $0.seconds }
        let most = rates.max() ?? 0
        return zip(tables, rates).map { table, rate in
            [
                "name": table.name, "bytes": Quantity.bytes(table.bytes), "rows": Quantity.count(table.rows),
                "seconds": Quantity.seconds(table.seconds), "rate": Quantity.bytes(Int(rate)),
                "width": Self.percent(rate, of: most),
            ]
        }
    }

    private var statementsHeadline: String {
        let count = report.statements.count
        return count > Self.listedStatements
            ? "The \(Self.listedStatements) slowest of \(count) statements"
            : "\(Quantity.count(count, "statement")), the slowest first"
    }

    private var statements: [[String: String]] {
        report.statements.sorted { $0.seconds > $1.seconds }.prefix(Self.listedStatements).map { statement in
            ["sql": statement.sql, "seconds": Quantity.seconds(statement.seconds)]
        }
    }

    private var usedIndexes: [[String: String]] {
        (report.verification?.mostUsedIndexes ?? []).map { index in
            [
                "name": index.name, "scans": Quantity.count(index.scans),
                "state": index.isOnTarget ? "present" : "MISSING", "tone": index.isOnTarget ? "" : "differs",
            ]
        }
    }

    private static func percent(_ part: Double, of whole: Double) -> String {
        let tenths = whole > 0 ? Int((1000 * part / whole).rounded()) : 0
        return "\(tenths / 10).\(tenths % 10)"
    }

    // MARK: For build servers

    /// One test for each kind that was checked, with a failure for each finding that is more than a note.
    private var tests: [String: Any] {
        let classes = report.verification?.examined ?? []
        let ofNoClass = Set(findings.map(\.kind)).subtracting(classes.map(\.kind)).sorted()
        var cases: [[String: Any]] = (classes.map(\.kind) + ofNoClass).map { kind in
            let failures = findings.filter { $0.kind == kind && $0.severity > .note }
            let isEmpty = classes.contains { $0.kind == kind && $0.isEmpty }
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
