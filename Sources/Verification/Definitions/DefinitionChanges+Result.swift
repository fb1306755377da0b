package import Catalog
package import Planning
import Postgres

extension DefinitionChanges {
    /// Returns the changes as findings, because the target does not have them.
    ///
    /// - Parameter isWanted: Selects the entries to report.
    /// - Returns: The findings.
    package func result(where isWanted: (DefinitionEntry) -> Bool = { _ in true }) -> VerificationResult {
        var result = VerificationResult(method: "pg_dump")
        result.examined.append(
            VerificationResult.Examined(kind: "definition", source: later.count, target: earlierCount)
        )
        let additions = added.filter(isWanted).map { entry in
            Finding(
                "definition",
                object: entry.description,
                problem: .missing,
                severity: .stops,
                "it was added on the source after the run began",
                source: entry.statement,
                // The report adds the final semicolon to a repair.
                repair: entry.statement.ends(with: ";") ? entry.statement.dropLast(1) : nil
            )
        }
        let changes = changed.filter(isWanted).map { entry in
            Finding(
                "definition",
                object: entry.description,
                problem: "changed",
                severity: .stops,
                "it changed on the source after the run began",
                source: entry.statement,
                target: earlier(entry)?.statement
            )
        }
        let losses = gone.filter(isWanted).map { entry in
            Finding(
                "definition",
                object: entry.description,
                problem: .extra,
                severity: .hurts,
                "it no longer exists on the source; it did when the run began",
                target: entry.statement
            )
        }
        result.findings = (additions + changes).sorted { $0.object < $1.object } + losses
        return result
    }
}

extension VerificationResult {
    /// Leaves out changes of views that the proof has found equal.
    ///
    /// The servers of two major versions print the same view differently, so the text alone does not show that the target has it,
    /// for example because it renamed a table under the view.
    ///
    /// - Parameter proof: What the proof has found.
    /// - Returns: The other changes.
    package func withoutViews(equalBy proof: VerificationResult) -> VerificationResult {
        var result = self
        let kinds = ["view", "materialized view"]
        let differing = Set(
            proof.findings.filter { kinds.contains($0.kind) }.map { ServerText("\($0.kind) \($0.object)") }
        )
        result.findings.removeAll { finding in
            finding.code == "definition.changed"
                && kinds.contains { ServerText(finding.object).begins(with: ServerText("\($0) ")) }
                && !differing.contains(ServerText(finding.object))
        }
        return result
    }
}
