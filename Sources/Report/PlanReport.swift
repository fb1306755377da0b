package import Planning
import Postgres

/// A plan as it is printed before anything runs.
public struct PlanReport: Sendable {
    /// A table that is copied whole is listed from this size on, in bytes.
    private static let worthSaying = 8 << 20
    /// What one worker copies on modest hardware; the forecast states this assumption.
    private static let assumedBytesPerSecond = 50_000_000.0

    private let plan: Plan
    private let price: EvidencePrice?
    private let foreignKeys: ForeignKeyForecast?
    private let night: NightForecast?

    /// - Parameters:
    ///   - plan: The plan.
    ///   - price: What a cutover would read, if a run has begun.
    ///   - foreignKeys: What it would do with the foreign keys.
    ///   - night: How long it will take, if something was measured.
    package init(
        _ plan: Plan,
        price: EvidencePrice? = nil,
        foreignKeys: ForeignKeyForecast? = nil,
        night: NightForecast? = nil
    ) {
        self.plan = plan
        self.price = price
        self.foreignKeys = foreignKeys
        self.night = night
    }

    /// The plan as a JSON document, including the chunks.
    public func json() throws -> String { try plan.document() }

    /// The tables as the part of a configuration file that says how each is treated, commented out.
    public var configuration: String {
        var lines = [
            "# How each table is treated: delta, append_only, whole, definition_only or excluded.", "#tables:",
        ]
        for entry in plan.holders {
            let size = "\(Quantity.bytes(entry.tableBytes)), about \(Quantity.count(entry.estimatedRows, "row"))"
            // A name in double quotes, as YAML and SQL have it, may contain anything.
            lines.append("#  # \(size); \(Escaping.terminal(entry.reason))")
            lines.append("#  \(Self.yaml(entry.name.description)): \(entry.treatment.rawValue)")
        }
        let hints = (plan.suggestions + plan.warnings).map { "# \(Escaping.terminal($0))" }
        return (lines + (hints.isEmpty ? [] : [""] + hints)).joined(separator: "\n") + "\n"
    }

    /// A key of a YAML mapping: in single quotes, unless it is a plain word.
    private static func yaml(_ name: String) -> String {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                true
            default: false
            }
        }
        let plain = name.utf8.allSatisfy(isPlain)
        return plain ? name : "'" + ServerText(Escaping.terminal(name)).replacingAll("'", with: "''").string + "'"
    }

    /// The plan as a table, largest first, followed by a summary and the warnings.
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
            "Copied days ahead: \(Quantity.bytes(plan.precopyBytes)) in \(Quantity.count(count(.delta) + count(.appendOnly), "table")); repeat as often as you like"
        )
        lines.append(
            "During cutover: copies what was written since and \(Quantity.bytes(plan.wholeBytes)) in \(Quantity.count(count(.whole), "whole table")),"
                + " and reads the transaction ids of the rest, for the delta and again for the proof"
        )
        lines += price?.lines ?? []
        lines += foreignKeys?.lines ?? []
        lines += night?.lines ?? []
        for entry in plan.tables where entry.immutableRanges > 0 {
            let bound = entry.immutableBelow ?? ""
            lines.append(
                "Not read again: \(Quantity.count(entry.immutableRanges, "chunk")) of \(entry.name), declared immutable below \(bound.visible)"
            )
        }
        for entry in plan.tables(.whole) where entry.key == nil && entry.tableBytes >= Self.worthSaying {
            lines.append(
                "Copied whole during cutover: \(entry.name), \(Quantity.bytes(entry.tableBytes)), "
                    + "about \(Quantity.seconds(Double(entry.tableBytes) / Self.assumedBytesPerSecond)) at 50 MB/s (\(entry.reason))"
            )
        }
        if count(.definitionOnly) > 0 {
            lines.append("Without rows: \(Quantity.count(count(.definitionOnly), "table"))")
        }
        if count(.excluded) > 0 { lines.append("Left out: \(Quantity.count(count(.excluded), "table"))") }
        lines += plan.suggestions.map { "SUGGESTION: \($0)" }
        lines += plan.warnings.map { "WARNING: \($0)" }
        return lines.joined(separator: "\n")
    }

    private func count(_ treatment: Treatment) -> Int { plan.holders.count { $0.treatment == treatment } }
}
