package import Planning
import Postgres

/// A target that others write to since the cutover: their rows are left out of the comparison, and counted.
package struct LiveTarget: Sendable {
    /// The target as the cutover left it; rows written since have an `xmin` at or above it.
    let mark: Mark

    /// - Parameter mark: The target as the cutover left it.
    package init(since mark: Mark) {
        self.mark = mark
    }

    /// What others did to a table since, as far as its rows show it.
    struct Changes {
        /// Rows that only the target has, written since.
        var added = 0
        /// Rows with other values, written since.
        var changed = 0
        /// Rows that only the source has: deleted since, or never arrived.
        var missing = 0

        static func + (one: Self, other: Self) -> Self {
            Changes(
                added: one.added + other.added,
                changed: one.changed + other.changed,
                missing: one.missing + other.missing
            )
        }
    }

    /// Judges what was left out: rows that are missing must not be more than were updated or deleted.
    ///
    /// - Parameters:
    ///   - changes: What was left out, by table.
    ///   - removals: The rows that the target's server counted as updated or deleted since, by table; nil if the counters do
    ///     not tell.
    ///   - result: Receives notes, findings, and what is not proven.
    static func judge(
        _ changes: [QualifiedName: Changes],
        removals: [QualifiedName: Int]?,
        into result: inout VerificationResult
    ) {
        for (table, change) in changes.sorted(by: { $0.key < $1.key }) {
            if change.added + change.changed > 0 {
                result.findings.append(
                    Finding(
                        "rows",
                        object: table.description,
                        problem: "written-since",
                        severity: .note,
                        "left out, because they were written on the target since the cutover: \(change.added) rows that the source "
                            + "does not have, \(change.changed) that it has with other values"
                    )
                )
            }
            guard change.missing > 0 else { continue }
            guard let removals else {
                result.notProven.append(
                    "\(change.missing) rows of \(table) are not on the target: deleted since the cutover, or never copied; the "
                        + "target's counters do not tell which"
                )
                continue
            }
            let counted = removals[table] ?? 0
            result.findings.append(
                Finding(
                    "rows",
                    object: table.description,
                    problem: change.missing > counted ? "missing" : "deleted-since",
                    severity: change.missing > counted ? .stops : .note,
                    "\(change.missing) rows of the source are not on the target, whose server counted \(counted) updated or deleted "
                        + "rows since the cutover"
                )
            )
        }
    }
}
