import Catalog
import Planning
import Postgres
import Rebuild
import Verification

/// Tries what comes after the rows on a target that has the tables already, and takes it back.
///
/// In the cutover it would fail after the point of no return.
struct LateTrial {
    let session: Session

    /// Views and functions that depend on keys, and what else depends on what is still to come; roles do not come.
    private static func isEarly(_ error: PostgresError) -> Bool {
        switch error.sqlState {
        case "42803", "42P01": true
        case "42704": !error.message.contains("role \"")
        default: false
        }
    }

    /// Refuses what the server refuses.
    ///
    /// - Parameters:
    ///   - entries: What comes after the rows.
    ///   - patience: How long a materialized view may take to fill, in milliseconds; nil: none is filled.
    /// - Throws: ``PlanError`` that names what is refused, ``PostgresError``.
    func run(_ entries: [DefinitionEntry], refreshingFor patience: Int?) async throws {
        let views = patience == nil ? [] : session.source.materializedViews.filter(\.isPopulated).map(\.qualifiedName)
        let purpose = session.purpose("trial")
        let outcome = try await ThreadConfined.with(session.migration.target, purpose: purpose) { [session] target in
            try await target.run { connection in
                try DefinitionTrial(
                    connection,
                    settings: session.databaseSettings(on: connection),
                    ignoring: Self.isEarly
                ).run(
                    of: entries,
                    room: DefinitionPieces.room(on: connection),
                    refreshing: views,
                    patience: patience ?? 0
                )
            }
        }
        try Preparation.refuse(
            outcome.refusals.map(\.finding),
            hint: "mend it on the source or the target, then run the same command again"
        )
    }
}
