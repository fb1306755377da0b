package import Archive
import Catalog
import Postgres

/// Compares the rows that the database itself added to extensions' tables.
///
/// Pure.
package struct ExtensionRowsComparison {
    /// - Parameters:
    ///   - source: The contents of the source's tables.
    ///   - target: The contents of the target's tables.
    /// - Returns: What was compared and what differs.
    package static func result(source: [ExtensionContents], target: [ExtensionContents]) -> VerificationResult {
        var result = VerificationResult(method: "lines of COPY text")
        let there = Dictionary(keepingFirst: target.map { ($0.table.qualifiedName, $0) })
        result.examined.append(.init(kind: "extension rows", source: source.count, target: there.count))
        for ours in source {
            guard let theirs = there[ours.table.qualifiedName] else {
                guard ours.rows > 0 else { continue }
                result.findings.append(
                    Finding(
                        "extension rows",
                        object: ours.table.qualifiedName.description,
                        problem: .missing,
                        severity: .stops,
                        "the target's extension has no such table"
                    )
                )
                continue
            }
            guard !ours.holdsTheSame(as: theirs) else { continue }
            result.findings.append(
                Finding(
                    "extension rows",
                    object: ours.table.qualifiedName.description,
                    problem: "differ",
                    severity: .stops,
                    "its rows differ, not counting those that CREATE EXTENSION adds",
                    source: described(ours),
                    target: described(theirs)
                )
            )
        }
        return result
    }

    private static func described(_ contents: ExtensionContents) -> String {
        contents.position.map { "at \($0.lastValue)" } ?? "\(contents.rows) rows, fingerprint \(contents.fingerprint)"
    }
}
