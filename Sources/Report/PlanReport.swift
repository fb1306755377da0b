package import Planning
import Postgres

/// A plan as it is printed, before anything runs.
public struct PlanReport: Sendable {
    /// A table copied whole is named from this size on.
    private static let worthSaying = 8 << 20
    /// What one worker carries on modest hardware; the forecast says so.
    private static let assumedBytesPerSecond = 50_000_000.0

    private let plan: Plan

    package init(_ plan: Plan) {
        self.plan = plan
    }

    /// The plan as a JSON document, chunks included.
    public func json() throws -> String { try plan.document() }

    /// The plan as a table, the largest first.
    public var text: String {
        var table = TextTable([
            ("Table", .left), ("Size", .right), ("Rows (estimate)", .right), ("Treatment", .left), ("Chunks", .right),
            ("Key", .left), ("Why", .left),
        ])
        for entry in plan.holders {
            table.append(
                entry.name.description,
                Quantity.bytes(entry.tableBytes),
                Quantity.count(entry.estimatedRows),
                entry.treatment.rawValue + (entry.filter == nil ? "" : ", filtered"),
                entry.ranges.isEmpty ? "-" : String(entry.ranges.count),
                entry.key.map { $0.parts.map(\.name.visible).joined(separator: ", ") } ?? "-",
                entry.reason
            )
        }
        var lines = table.lines
        lines.append("")
        lines.append(
            "Days ahead: \(Quantity.bytes(plan.precopyBytes)) in \(count(.delta) + count(.appendOnly)) tables, as often as you like"
        )
        lines.append(
            "On the night: what was written since, \(Quantity.bytes(plan.wholeBytes)) in \(count(.whole)) tables copied whole,"
                + " and one look at the transaction ids of the rest"
        )
        for entry in plan.tables where entry.immutableRanges > 0 {
            let bound = entry.immutableBelow ?? ""
            lines.append(
                "Not looked at again: \(entry.immutableRanges) chunks of \(entry.name), declared immutable below \(bound.visible)"
            )
        }
        for entry in plan.tables(.whole) where entry.key == nil && entry.tableBytes >= Self.worthSaying {
            lines.append(
                "Whole on the night: \(entry.name), \(Quantity.bytes(entry.tableBytes)), "
                    + "about \(Quantity.seconds(Double(entry.tableBytes) / Self.assumedBytesPerSecond)) at 50 MB/s (\(entry.reason))"
            )
        }
        if count(.definitionOnly) > 0 { lines.append("Without rows: \(count(.definitionOnly)) tables") }
        if count(.excluded) > 0 { lines.append("Left out: \(count(.excluded)) tables") }
        lines += plan.suggestions.map { "SUGGESTION: \($0)" }
        lines += plan.warnings.map { "WARNING: \($0)" }
        return lines.joined(separator: "\n")
    }

    private func count(_ treatment: Treatment) -> Int { plan.holders.count { $0.treatment == treatment } }
}
