import Catalog
import Planning
import Postgres
import Rebuild
import Verification

/// Tries the definitions that come after the rows on a target that already has the tables, and rolls back.
///
/// Otherwise the cutover would find the failure only after the point of no return.
struct LateTrial {
    let session: Session

    /// Whether an error only means that keys or other objects do not exist yet, but will be created before this one.
    ///
    /// A missing role is not created later.
    private static func isEarly(_ error: PostgresError) -> Bool {
        switch error.sqlState {
        case "42803", "42P01": true
        case "42704": !error.message.contains("role \"")
        default: false
        }
    }

    /// Tries definitions, and throws if the server refuses any of them.
    ///
    /// - Parameters:
    ///   - entries: The definitions that come after the rows.
    ///   - patience: How long a materialized view may take to fill, in milliseconds; nil to fill none.
    /// - Throws: ``PlanError`` that names what is refused, ``PostgresError``.
    func run(_ entries: [DefinitionEntry], refreshingFor patience: Int?) async throws {
        let views = patience == nil ? [] : session.source.materializedViews.filter(\.isPopulated).map(\.qualifiedName)
        let purpose = session.purpose("trial")
        let outcome = try await Connection.with(session.context.target, purpose: purpose) { [session] connection in
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
        try Refusals.stopping(
            outcome.refusals.map(\.finding),
            hint: "fix it on the source or the target, then run the same command again"
        )
    }
}
