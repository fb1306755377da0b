import Catalog
import Planning
import Postgres
import Verification

/// What the definitions compute and cannot compute without a search path.
///
/// `pg_dump`, `pg_restore` and every session of ours have an empty one (PostgreSQL manual 5.9.6): a function that finds what
/// it uses by the search path only fails in an index, a CHECK, a generated column or a materialized view.
enum BrokenExpressions {
    /// What is not found, by SQLSTATE.
    ///
    /// Other errors, such as a missing right to execute a function, are the reader's own.
    private static let absences: Set = ["42P01", "42704", "42883", "42703", "3F000"]
    /// A view whose first row takes longer is taken for one that can be filled.
    private static let patience: SQL = "5000"

    private struct Expression: Codable {
        let kind: String
        let tableSchema: ServerText
        let tableName: ServerText
        let name: ServerText
        let expression: ServerText

        var table: QualifiedName { QualifiedName(schema: tableSchema, name: tableName) }
    }

    /// Tries them on the source, each on one row.
    ///
    /// - Parameters:
    ///   - catalog: What the source contains.
    ///   - excluded: Tables that are left out.
    ///   - connection: The source.
    /// - Returns: What fails.
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
            return try finding(expression.kind, expression.name, trial, on: connection)
        }
            + catalog.materializedViews.filter(\.isPopulated).compactMap { view in
                let definition = try connection.queryOne(
                    "SELECT pg_catalog.pg_get_viewdef(\(value: view.qualifiedName.quoted)::pg_catalog.regclass) AS definition"
                ).text("definition").withoutSuffix(";")
                let trial: SQL = "SELECT FROM (\(SQL(trusted: definition))) AS view LIMIT 1"
                return try finding(
                    "materialized view",
                    ServerText(view.qualifiedName.description),
                    trial,
                    on: connection
                )
            }
    }

    private static func finding(
        _ kind: String,
        _ name: ServerText,
        _ trial: SQL,
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
                name,
                "needs-search-path",
                .stops,
                "it fails without a search path, as it will be computed on the target: \(error.message)"
            )
        }
    }
}
