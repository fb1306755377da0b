package import Postgres

/// Checks that conditions on rows work with deltas.
///
/// A delta reads only rows that were written. It would miss a row whose condition becomes true or false without a write
/// to the row (because another table or the time changed).
package enum RowFilter {
    /// Refuses filters that are not conditions on the table's own rows, before anything is written.
    ///
    /// - Parameters:
    ///   - plan: The plan, with the operator's conditions.
    ///   - source: A connection to the source.
    /// - Throws: ``PlanError``.
    package static func refuseUnfit(_ plan: Plan, on source: Connection) throws {
        for (table, filter) in filtered(plan) {
            let explained: ServerText
            do {
                let explain: SQL = "EXPLAIN (FORMAT JSON) SELECT FROM \(table.rows) WHERE (\(SQL(trusted: filter)))"
                explained = try source.query(explain).compactMap { $0["QUERY PLAN"] }.joined(separator: "")
            } catch let error as PostgresError where error.code == .statementFailed {
                throw unfit(table, "is not a condition: \(error.message)")
            }
            guard !["\"Subplan Name\"", "\"Join Type\""].contains(where: { explained.contains($0) }) else {
                throw unfit(table, "reads rows other than the one it filters")
            }
        }
    }

    /// Refuses filters that may be true for a row today and not tomorrow.
    ///
    /// The server checks this by its rule for index predicates: only immutable functions, no subqueries (PostgreSQL manual,
    /// CREATE INDEX).
    ///
    /// - Parameters:
    ///   - plan: The plan, with the operator's conditions.
    ///   - target: A connection to the target with an open transaction in which the tables exist.
    ///   - areEmpty: Whether the tables have no rows; if they have, copies of them are used, and names in a filter must not
    ///     be qualified.
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
                        "calls objects that can be replaced without a write to the row: " + used.joined(separator: ", ")
                    )
                }
                try target.execute("ROLLBACK TO SAVEPOINT tidemark_filter; RELEASE SAVEPOINT tidemark_filter")
            } catch let error as PostgresError where !areEmpty && nameErrors.contains(error.sqlState ?? "") {
                throw unfit(table, "uses a name the server does not find: \(error.message); use plain column names")
            } catch let error as PostgresError where error.code == .statementFailed {
                throw unfit(table, "may be true for a row today and not tomorrow: \(error.message)")
            }
        }
    }

    private static let trial: Identifier = "tidemark filter"

    /// User-defined functions and operators that an index's condition calls, even if they are declared immutable.
    ///
    /// Extensions' functions and operators are allowed: they change only with the extension's version.
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
            guard table.treatment.copiesRows, let filter = table.filter else { return nil }
            return (table, filter)
        }
    }

    private static func unfit(_ table: TablePlan, _ reason: String) -> PlanError {
        PlanError(
            .usage,
            "the filter of \(table.name) \(reason)",
            hint: "a filter may use only the row's own columns and immutable functions: "
                + "tenant_id = 7, created_at < timestamptz '2026-01-01 00:00:00+00'"
        )
    }
}
