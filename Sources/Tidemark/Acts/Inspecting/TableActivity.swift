import Catalog
import Planning
import Postgres
import Report
import Verification

/// What is written to each large table of the source in a stated time, and the treatment that suggests.
struct TableActivity {
    private static let day = Duration.seconds(86_400)

    /// Rows written since the server's statistics were reset.
    private struct Counts: Decodable {
        let schema: ServerText
        let name: ServerText
        let inserted: Int
        let updated: Int
        let deleted: Int
    }

    let source: Endpoint
    let plan: Plan
    let stop: StopRequest
    let note: @Sendable (String) -> Void

    /// Counts for a while.
    ///
    /// - Parameter duration: How long.
    /// - Returns: A note for each table that would be copied ahead.
    /// - Throws: ``PostgresError``, ``StopRequest``'s error.
    func findings(for duration: Duration) async throws -> [Finding] {
        let before = try await counts()
        let end = ContinuousClock.now.advanced(by: duration)
        while .now < end {
            try stop.check()
            note("waiting until the writes of \(Quantity.duration(duration)) are counted")
            try await Task.sleep(for: min(.seconds(2), ContinuousClock.now.duration(to: end)))
        }
        let after = try await counts()
        return plan.tables.filter { $0.treatment.isCopiedAhead }.compactMap { table in
            guard let earlier = before[table.name], let later = after[table.name] else { return nil }
            return Self.finding(of: table, from: earlier, to: later, in: duration)
        }
    }

    private func counts() async throws -> [QualifiedName: Counts] {
        let counts = try await Connection.with(source, purpose: "tidemark inspect") { connection in
            try connection.query(
                Counts.self,
                """
                SELECT schemaname AS schema, relname AS name, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_del AS deleted
                FROM pg_catalog.pg_stat_user_tables
                """
            )
        }
        return Dictionary(keepingFirst: counts.map { (QualifiedName(schema: $0.schema, name: $0.name), $0) })
    }

    private static func finding(
        of table: TablePlan,
        from earlier: Counts,
        to later: Counts,
        in duration: Duration
    ) -> Finding {
        let (inserted, updated) = (later.inserted - earlier.inserted, later.updated - earlier.updated)
        let deleted = later.deleted - earlier.deleted
        let written = inserted + updated + deleted
        let share = Double(written) / Double(max(1, table.estimatedRows)) * (day / duration)
        return Finding(
            "table",
            object: table.name.description,
            problem: "activity",
            severity: .note,
            "in \(Quantity.duration(duration)): \(Quantity.count(inserted, "row")) inserted, \(Quantity.count(updated)) updated, "
                + "\(Quantity.count(deleted)) deleted (at that rate \(percent(share)) of its rows a day): "
                + suggestion(inserted: inserted, changed: updated + deleted, share: share, table)
        )
    }

    private static func percent(_ share: Double) -> String {
        share == 0 ? "none" : share < 0.001 ? "less than 0.1 %" : "\(Quantity.oneDecimal(min(share, 99) * 100)) %"
    }

    private static func suggestion(inserted: Int, changed: Int, share: Double, _ table: TablePlan) -> String {
        switch (inserted, changed) {
        case (0, 0): return "with --evidence counters it is not read on the night while it stays like that"
        case (_, 0):
            return table.treatment == .appendOnly
                ? "append_only suits it, if rows are never updated or deleted"
                : "if rows are never updated or deleted, append_only in tidemark.yaml reads only its end"
        case _ where table.treatment == .appendOnly:
            return "append_only does not suit it, because rows are changed: use delta"
        case _ where share > 1: return "most of its rows change each day, so copying it ahead saves little: use whole"
        default: return "delta suits it"
        }
    }
}
