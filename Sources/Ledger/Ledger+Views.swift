package import Postgres

/// What materialized views were made from, so that those whose tables are at rest are not refreshed again.
extension Ledger {
    /// A materialized view of the target, filled before.
    package struct FilledView: Sendable, Decodable {
        let schema: ServerText
        let name: ServerText
        /// A digest of what it would be made from now; nil if something decides that cannot be told.
        let madeFrom: String?
        /// The same when it was last refreshed, or the pass in which that was; nil if this run has not refreshed it.
        let kept: String?
        /// What ``kept`` is for a view without a digest that this pass has refreshed.
        let pass: String

        package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }

        /// Whether it would become what it is.
        package var isFresh: Bool { madeFrom != nil && madeFrom == kept }

        /// Whether this run has refreshed it, but before it wrote rows that the view reads, or before its last pass if that cannot be told.
        package var isOutdated: Bool { kept.map { $0 != madeFrom ?? pass } ?? false }
    }

    /// The materialized views of the target that were filled before.
    ///
    /// - Returns: The views, in no order.
    /// - Throws: ``PostgresError``.
    package func filledViews() throws -> [FilledView] {
        try connection.query(
            FilledView.self,
            SQL(trusted: String(decoding: PackageResources.refreshable_views_sql, as: UTF8.self))
        )
    }

    /// Records what views were made from, once they are refreshed and analyzed.
    ///
    /// - Parameter views: The views; nothing was written to their tables since they were refreshed.
    /// - Throws: ``PostgresError``.
    package func noteRefreshed(_ views: Set<QualifiedName>) throws {
        for view in try filledViews() where views.contains(view.qualifiedName) {
            let isOfView: SQL = "schema_name = \(literal: view.schema) AND view_name = \(literal: view.name)"
            try connection.execute("DELETE FROM tidemark.refreshed_view WHERE \(isOfView)")
            try connection.execute(
                """
                INSERT INTO tidemark.refreshed_view (schema_name, view_name, made_from)
                VALUES (\(literal: view.schema), \(literal: view.name), \(literal: view.madeFrom ?? view.pass))
                """
            )
        }
    }
}
