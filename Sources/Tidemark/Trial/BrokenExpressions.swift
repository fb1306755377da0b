import Catalog
import Planning
import Postgres
import Verification

/// Finds expressions in the definitions that fail with an empty search path.
///
/// `pg_dump`, `pg_restore` and all of Tidemark's sessions use an empty one (PostgreSQL manual 5.9.6). A function that
/// relies on the search path then fails in an index, a CHECK, a generated column or a materialized view.
enum BrokenExpressions {
    /// The SQLSTATEs for an object that was not found.
    ///
    /// Other errors, such as a missing right to execute a function, are caused by the role that reads the source.
    private static let absences: Set = ["42P01", "42704", "42883", "42703", "3F000"]
    /// The milliseconds after which a view is assumed to work, although it has not returned its first row.
    private static let patience: SQL = "5000"

    private struct Expression: Codable {
        let kind: String
        let tableSchema: ServerText
        let tableName: ServerText
        let name: ServerText
        let expression: ServerText

        var table: QualifiedName { QualifiedName(schema: tableSchema, name: tableName) }
    }

    /// Tries each expression on the source, with one row.
    ///
    /// - Parameters:
    ///   - catalog: The source's catalog.
    ///   - excluded: Tables that are left out.
    ///   - connection: A connection to the source.
    /// - Returns: A finding for each expression that fails.
    /// - Throws: ``PostgresError``.
    static func findings(
        of catalog: DatabaseCatalog,
        excluding excluded: Set<QualifiedName>,
        on connection: Connection
    ) throws -> [Finding] {
        let ofIndexes = catalog.indexes.filter { $0.parentOid == nil && !$0.isOfMaterializedView }.compactMap { index in
            let list = [index.expressions, index.predicate].compactMap { $0 }
            return list.isEmpty
                ? nil
                : Expression(
                    kind: "index",
                    tableSchema: index.tableQualifiedName.schema,
                    tableName: index.tableQualifiedName.name,
                    name: ServerText(index.qualifiedName.description),
                    expression: list.joined(separator: ") IS NULL, (")
                )
        }
        let all = try (ofIndexes + connection.query(Expression.self, CatalogQuery.expressions))
            .filter { !excluded.contains($0.table) }
        return try all.compactMap { expression in
            let trial: SQL =
                "SELECT (\(SQL(trusted: expression.expression))) IS NULL FROM \(expression.table) LIMIT 1"
            return try finding(expression.kind, named: expression.name, trying: trial, on: connection)
        }
            + catalog.materializedViews.filter(\.isPopulated).compactMap { view in
                let definition = try connection.queryOne(
                    "SELECT pg_catalog.pg_get_viewdef(\(value: view.qualifiedName.quoted)::pg_catalog.regclass) AS definition"
                ).text("definition").withoutSuffix(";")
                let trial: SQL = "SELECT FROM (\(SQL(trusted: definition))) AS view LIMIT 1"
                return try finding(
                    "materialized view",
                    named: ServerText(view.qualifiedName.description),
                    trying: trial,
                    on: connection
                )
            }
    }

    private static func finding(
        _ kind: String,
        named name: ServerText,
        trying trial: SQL,
        on connection: Connection
    ) throws -> Finding? {
        do {
            try connection.transaction(.snapshot) {
                try connection.execute("SET LOCAL statement_timeout = \(patience)")
                _ = try connection.query(trial)
            }
            return nil
        } catch let error as PostgresError where error.code == .statementFailed {
            guard absences.contains(error.sqlState ?? "") else { return nil }
            return Finding(
                kind,
                object: name,
                problem: "needs-search-path",
                severity: .stops,
                "it fails with an empty search path, which the target will use: \(error.message)"
            )
        }
    }
}
