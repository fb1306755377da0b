import Catalog
import Ledger
import Planning
import Postgres
import Report

/// What the plan says about the night besides the treatment of each table.
struct PlanForecast {
    let context: RunContext

    /// What the next cutover does with the foreign keys.
    ///
    /// - Parameters:
    ///   - source: What the source contains.
    ///   - excluded: The tables that are left out.
    ///   - run: The run that has begun; nil: none.
    /// - Returns: The forecast.
    /// - Throws: ``PostgresError``.
    func foreignKeys(
        of source: DatabaseCatalog,
        without excluded: Set<QualifiedName>,
        in run: RunEntry?
    ) async throws -> ForeignKeyForecast {
        // A partition's foreign key is counted with its parent's, whose rows are the partitions'.
        let keys = source.constraints.filter { constraint in
            constraint.kind == .foreignKey && constraint.parentOid == nil && constraint.isValidated
                && !excluded.contains(constraint.tableQualifiedName)
                && constraint.referenced.map { !excluded.contains($0) } ?? false
        }
        let partitions = source.partitions
        let bytes = keys.reduce(0) { sum, key in
            guard let table = source.table(key.tableQualifiedName) else { return sum }
            let holders = table.isPartitioned ? partitions.leaves(of: table) : [table]
            return sum + holders.reduce(0) { $0 + $1.tableBytes }
        }
        return ForeignKeyForecast(count: keys.count, bytes: bytes, try await way(in: run))
    }

    private func way(in run: RunEntry?) async throws -> ForeignKeyForecast.Way {
        let omissions = context.options.omissions.union(run?.omissions ?? [])
        let areLater = omissions.contains(.foreignKeyValidation)
        // They are created between these steps; before, a cutover finds none.
        guard let run, run.leftAt != nil, run.step >= .postData || run.keepsForeignKeys else {
            return areLater ? .later : .validated
        }
        if try await context.mayWriteAsReplica(purpose: "tidemark plan") { return .kept }
        return areLater ? .later : .takenOff
    }
}
