import Ledger
import Planning
import Postgres
import Verification

/// Finds materialized views whose rows were made before the last rows were written to their tables.
///
/// A cutover refreshes them after the rows: one that did not reach its end leaves such views, or a precopy after a rehearsal. Their
/// rows cannot be compared with the source's, which may be as old as its owner likes.
struct OutdatedViews {
    let target: Endpoint
    let scope: Scope

    /// - Returns: The views, if the target has the ledger of a run that is not done.
    /// - Throws: ``PostgresError``.
    func result() async throws -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        // Those of a stage's target are its own.
        guard !scope.isStage else { return result }
        let views = try await Connection.with(target, purpose: "tidemark verify") { connection in
            guard let run = try Ledger.run(on: connection), run.step < .done else { return [Ledger.FilledView]() }
            return try Ledger(connection).filledViews().filter(\.isOutdated)
        }
        result.findings = views.map(\.qualifiedName).filter(scope.contains).sorted().map { view in
            Finding(
                "materialized view",
                object: view.description,
                problem: "not-refreshed",
                severity: .hurts,
                "rows were written to its tables since it was refreshed. The next cutover or restore refreshes it",
                repair: "REFRESH MATERIALIZED VIEW \(view.quoted)"
            )
        }
        return result
    }
}
