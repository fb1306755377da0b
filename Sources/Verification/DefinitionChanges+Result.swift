package import Catalog
package import Planning
import Postgres

extension DefinitionChanges {
    /// As findings of a verification: the target does not have them.
    ///
    /// - Parameter isWanted: Which entries count.
    /// - Returns: The findings.
    package func result(where isWanted: (DefinitionEntry) -> Bool = { _ in true }) -> VerificationResult {
        var result = VerificationResult(method: "pg_dump")
        result.examined.append(
            VerificationResult.Examined(kind: "definition", source: later.count, target: earlierCount)
        )
        let additions = added.filter(isWanted).map { entry in
            Finding(
                "definition",
                entry.description,
                .missing,
                .stops,
                "it is new on the source since the run began",
                source: entry.statement,
                // The report ends a repair with a semicolon of its own.
                repair: entry.statement.ends(with: ";") ? entry.statement.dropLast(1) : nil
            )
        }
        let changes = changed.filter(isWanted).map { entry in
            Finding(
                "definition",
                entry.description,
                "changed",
                .stops,
                "it has changed on the source since the run began",
                source: entry.statement,
                target: earlier(entry)?.statement
            )
        }
        let losses = gone.filter(isWanted).map { entry in
            Finding(
                "definition",
                entry.description,
                .extra,
                .hurts,
                "the source has it no more since the run began",
                target: entry.statement
            )
        }
        result.findings = (additions + changes).sorted { $0.object < $1.object } + losses
        return result
    }
}
