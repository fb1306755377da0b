package import Postgres

/// Which conditions on rows can be brought differentially.
///
/// The rule of the delta looks at rows that were written. A row that comes to fulfil a condition, or ceases to, without
/// being written itself (because another table changed, or the clock went on) would be overlooked.
package enum RowFilter {
    /// Refuses what is no condition on the table's own rows: before anything is written.
    ///
    /// - Parameters:
    ///   - plan: The plan, with the operator's conditions.
    ///   - source: A connection to the source.
    /// - Throws: ``PlanError``.
    package static func refuseUnfit(_ plan: Plan, on source: Connection) throws {
        for (table, filter) in filtered(plan) {
            let told: ServerText
            do {
                let explain: SQL = "EXPLAIN (FORMAT JSON) SELECT FROM \(table.rows) WHERE (\(SQL(trusted: filter)))"
                told = try source.query(explain).compactMap { $0["QUERY PLAN"] }.joined(separator: "")
            } catch let error as PostgresError where error.code == .statementFailed {
                throw unfit(table, "is no condition: \(error.message)")
            }
            guard !["\"Subplan Name\"", "\"Join Type\""].contains(where: { told.contains($0) }) else {
                throw unfit(table, "reads other rows than the one it judges")
            }
        }
    }

    /// Refuses what the same row may fulfil today and not tomorrow.
    ///
    /// The server judges by its rule for the predicates of indexes: only immutable functions, no subqueries (PostgreSQL
    /// manual, CREATE INDEX).
    ///
    /// - Parameters:
    ///   - plan: The plan.
    ///   - target: A connection to the target with an open transaction, in which the tables are there.
    ///   - areEmpty: Whether they are without rows; else tables made like them stand in, in which a filter's names must not be
    ///     qualified.
    /// - Throws: ``PlanError``.
    package static func refuseChanging(_ plan: Plan, on target: Connection, areEmpty: Bool) throws {
        for (table, filter) in filtered(plan) {
            let standIn = QualifiedName(schema: "pg_temp", name: table.name.name)
            let name: SQL = areEmpty ? "ONLY \(table.name)" : "\(standIn)"
            try target.execute("SAVEPOINT tidemark_filter")
            do {
                if !areEmpty { try target.execute("CREATE TEMPORARY TABLE \(standIn) (LIKE \(table.name))") }
                try target.execute("CREATE INDEX \(trial) ON \(name) ((true)) WHERE (\(SQL(trusted: filter)))")
                let schema = areEmpty ? table.name.schema : "pg_temp"
                let used = try replaceable(in: QualifiedName(schema: schema, name: trial.name), on: target)
                guard used.isEmpty else {
                    throw unfit(
                        table,
                        "calls what can be replaced without a row being written: " + used.joined(separator: ", ")
                    )
                }
                try target.execute("ROLLBACK TO SAVEPOINT tidemark_filter; RELEASE SAVEPOINT tidemark_filter")
            } catch let error as PostgresError where !areEmpty && nameErrors.contains(error.sqlState ?? "") {
                throw unfit(table, "names what a copy of the table does not have: \(error.message); name columns alone")
            } catch let error as PostgresError where error.code == .statementFailed {
                throw unfit(table, "may hold for a row today and not tomorrow: \(error.message)")
            }
        }
    }

    private static let trial: Identifier = "tidemark filter"

    /// Functions and operators of the user's own that an index's condition calls, whatever they are declared as.
    ///
    /// Those of extensions change with the extension's version only.
    private static func replaceable(in index: QualifiedName, on target: Connection) throws -> [String] {
        try target.query(
            """
            SELECT pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0) AS object FROM pg_catalog.pg_depend d
            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND d.objid = pg_catalog.to_regclass(\(literal: index.quoted)) AND d.refobjid >= 16384
              AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                              WHERE x.classid = d.refclassid AND x.objid = d.refobjid AND x.deptype = 'e')
            ORDER BY 1
            """
        ).map { try $0.text("object").visible }
    }

    /// Undefined table, column, function (PostgreSQL manual, appendix A).
    private static let nameErrors: Set = ["42P01", "42703", "42883"]

    private static func filtered(_ plan: Plan) -> [(TablePlan, String)] {
        plan.tables.compactMap { table in
            guard table.treatment.bringsRows, let filter = table.filter else { return nil }
            return (table, filter)
        }
    }

    private static func unfit(_ table: TablePlan, _ reason: String) -> PlanError {
        PlanError(
            .usage,
            "the filter of \(table.name) \(reason)",
            hint: "a filter may depend on nothing but the row's own columns, by immutable functions: "
                + "tenant_id = 7, created_at < timestamptz '2026-01-01 00:00:00+00'"
        )
    }
}
