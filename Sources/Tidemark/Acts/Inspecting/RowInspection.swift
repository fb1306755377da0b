import Catalog
import Planning
import Postgres
import Verification

/// What an inspection finds in the rows, and in how they are written.
struct RowInspection: Sendable {
    let depth: InspectionDepth
    let source: Endpoint
    let jobs: Int
    let stop: StopRequest
    let note: @Sendable (String) -> Void

    /// Looks as deep as was asked for.
    ///
    /// - Parameters:
    ///   - catalog: What is copied.
    ///   - plan: How the tables are treated; nil if that could not be decided.
    /// - Returns: The findings, in no order.
    /// - Throws: ``PostgresError``.
    func findings(_ catalog: DatabaseCatalog, _ plan: Plan?) async throws -> [Finding] {
        var found: [Finding] = []
        if depth.readsRows {
            found += try await DeepInspection(
                source: source,
                catalog: catalog,
                plan: plan,
                jobs: jobs,
                stop: stop,
                note: note
            ).findings()
        }
        if let duration = depth.observes, let plan {
            found += try await TableActivity(source: source, plan: plan, stop: stop, note: note).findings(for: duration)
        }
        return found
    }
}
