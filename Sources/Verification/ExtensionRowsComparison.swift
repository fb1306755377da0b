package import Catalog
package import Postgres

/// Compares the rows of extensions' tables that are the database's own.
///
/// Pure.
package struct ExtensionRowsComparison {
    /// What one side's table holds.
    package struct Content: Sendable {
        let table: QualifiedName
        let rows: Int
        let fingerprint: String
        let position: SequencePosition?

        package init(table: QualifiedName, rows: Int, fingerprint: String, position: SequencePosition?) {
            self.table = table
            self.rows = rows
            self.fingerprint = fingerprint
            self.position = position
        }
    }

    /// - Parameters:
    ///   - source: What the source's tables hold.
    ///   - target: What the target's do.
    /// - Returns: What was compared, and what differs.
    package static func result(source: [Content], target: [Content]) -> VerificationResult {
        var result = VerificationResult(method: "lines of COPY text")
        let there = Dictionary(target.map { ($0.table, $0) }, uniquingKeysWith: { first, _ in first })
        result.examined.append(.init(kind: "extension rows", source: source.count, target: there.count))
        for ours in source {
            guard let theirs = there[ours.table] else {
                guard ours.rows > 0 else { continue }
                result.findings.append(
                    Finding(
                        "extension rows",
                        ours.table.description,
                        .missing,
                        .stops,
                        "the target's extension has no such table"
                    )
                )
                continue
            }
            guard ours.rows != theirs.rows || ours.fingerprint != theirs.fingerprint || ours.position != theirs.position
            else {
                continue
            }
            result.findings.append(
                Finding(
                    "extension rows",
                    ours.table.description,
                    "differ",
                    .stops,
                    "its rows besides those that CREATE EXTENSION makes differ",
                    source: told(ours),
                    target: told(theirs)
                )
            )
        }
        return result
    }

    private static func told(_ content: Content) -> String {
        content.position.map { "at \($0.lastValue)" } ?? "\(content.rows) rows, fingerprint \(content.fingerprint)"
    }
}
