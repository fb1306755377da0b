import Catalog
import Ledger
import Postgres
import Rebuild
import Synchronization
import Verification

/// Looks for rows of a stage that refer to rows the target does not have: its foreign keys did not act on them.
struct StageOrphans {
    let session: Session

    /// Reads the stage's rows on the target, once for each foreign key.
    ///
    /// - Returns: A finding for each foreign key that does not hold.
    /// - Throws: ``PostgresError``.
    func findings() async throws -> [Finding] {
        let context = session.context
        let staged = Dictionary(keepingFirst: session.copiedRelations.map { ($0.name, $0) })
        let purpose = session.purpose("foreign keys")
        let keys = try await Connection.with(context.target, purpose: purpose) { connection in
            try connection.query(Constraint.self, CatalogQuery.constraints).filter {
                $0.kind == .foreignKey && $0.parentOid == nil && $0.isValidated && staged[$0.tableQualifiedName] != nil
            }
        }
        let queue = Mutex(keys)
        let found = try await Connection.each(context.options.jobs, context.target, purpose: purpose) { connection, _ in
            var found: [Finding] = []
            while !context.stop.isRequested, let key = queue.withLock({ $0.popLast() }) {
                let table = key.tableQualifiedName
                guard let relation = staged[table] else { continue }
                let orphans = try during("checking \(table) for rows that refer to missing rows") {
                    try ForeignKeyOrphans.find(key.name, of: table, among: relation.held, on: connection)
                }
                guard let orphans else { continue }
                found.append(
                    Finding(
                        "foreign key",
                        object: "\(Identifier(key.name).quoted) on \(table)",
                        problem: "orphans",
                        severity: .stops,
                        "\(orphans): copy them with this stage or an earlier one, or repair the rows on the source, "
                            + "then run the cutover again"
                    )
                )
            }
            return found
        }
        try context.stop.check()
        return found.flatMap(\.self)
    }
}
