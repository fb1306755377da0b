import Catalog
import Ledger
import Planning
import Postgres

/// Columns, their attributes and checks, and the attachment of partitions.
extension DriftFollower {
    // MARK: Columns and attributes

    func alter(_ oid: UInt32) throws {
        guard let change = followed.first(where: { $0.later.oid == oid }),
            let actual = try tables()[change.later.qualifiedName],
            // A partition gets its columns from its parent.
            actual.parentOid == nil
        else { return }
        let alteration = TableAlteration(
            from: change.relation.definition,
            to: change.later,
            isEmpty: emptied.contains { $0.later.oid == oid }
        )
        let partitions = source.partitions
        let statements = alteration.columns(of: actual) { column in
            TableDrift.missingValue(of: column.name, in: change.later, partitions)
        }
        for statement in statements { try connection.execute(statement) }
    }

    /// New and changed tables, in their current form.
    var touched: [Table] {
        let excluded = plan.excluded
        return (followed.filter(\.isAlteration).map(\.later) + drift.added).filter {
            !excluded.contains($0.qualifiedName)
        }
    }

    func setAttributes() throws {
        let touched = touched
        guard !touched.isEmpty else { return }
        let actual = try tables()
        for table in touched {
            guard let there = actual[table.qualifiedName] else { continue }
            let alteration = TableAlteration(from: table, to: table, isEmpty: false)
            for statement in alteration.attributes(of: there) { try connection.execute(statement) }
        }
        try reconcileChecks(of: Set(touched.map(\.qualifiedName)))
    }

    func attach() throws {
        let excluded = plan.excluded
        let partitions = source.tables.filter { $0.parentOid != nil && !excluded.contains($0.qualifiedName) }
        guard !partitions.isEmpty else { return }
        let actual = try tables()
        let unattached = partitions.filter { actual[$0.qualifiedName].map { $0.parentOid == nil } ?? false }
        // Deeper ones first, so that what is attached to a table with indexes is complete.
        for table in unattached.sorted(by: { source.partitions.depth(of: $0) > source.partitions.depth(of: $1) }) {
            guard let parent = source.partitions.parent(of: table), let bound = table.partitionBound else { continue }
            try buildIndexes(of: table, attachedTo: parent)
            let attachment: SQL =
                "ALTER TABLE \(parent.qualifiedName) ATTACH PARTITION \(table.qualifiedName) \(SQL(trusted: bound))"
            try during("attaching \(table.qualifiedName) to \(parent.qualifiedName)") {
                // The source may have changed rows, or moved them out of the default partition, before it attached
                // this partition; the copy still has the old rows.
                let suspects = [table] + defaultPartitions(beside: table)
                for suspect in suspects {
                    do {
                        return try attempt { try connection.execute(attachment) }
                    } catch let error as PostgresError where error.sqlState == "23514" {
                        try forgetRows(of: suspect)
                    }
                }
                try connection.execute(attachment)
            }
        }
    }

    private func defaultPartitions(beside table: Table) -> [Table] {
        let siblings = source.tables.filter {
            $0.parentOid == table.parentOid && $0.oid != table.oid && $0.partitionBound == "DEFAULT"
        }
        return siblings.flatMap { $0.isPartitioned ? source.partitions.leaves(of: $0) : [$0] }
    }

    /// Refuses to go on if others have written a row of a table that is to be emptied or dropped.
    ///
    /// - Parameter table: The table as it is on the target; of a partitioned one, its partitions.
    /// - Throws: ``LedgerError`` `.targetWritten`, ``PostgresError``.
    func refuseOthers(in table: Table) throws {
        let own = OwnRows(ledger)
        guard table.isPartitioned else {
            return try own.refuseOthers(inAllOf: table.rows, of: table.qualifiedName)
        }
        let leaves = try connection.query(
            """
            SELECT n.nspname, c.relname FROM pg_catalog.pg_partition_tree(\(literal: table.qualifiedName.quoted)::pg_catalog.regclass) AS t
            JOIN pg_catalog.pg_class c ON c.oid = t.relid AND c.relkind = 'r'
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            """
        ).map { QualifiedName(schema: try $0.text("nspname"), name: try $0.text("relname")) }
        for leaf in leaves { try own.refuseOthers(inAllOf: "ONLY \(leaf)", of: leaf) }
    }

    func forgetRows(of table: Table) throws {
        try refuseOthers(in: table)
        try connection.execute("TRUNCATE TABLE \(table.rows)")
        guard let relation = relations.first(where: { $0.definition.oid == table.oid }) else { return }
        try ledger.forgetChunks(of: relation)
    }

    /// Refuses columns that differ from the source's: binary rows do not contain their types, so the columns must match
    /// before the next row is sent.
    func refuseOtherColumns() throws {
        let touched = touched
        guard !touched.isEmpty else { return }
        let actual = try tables()
        for table in touched {
            let columns = table.columns.map(\.shape).sorted()
            let there = actual[table.qualifiedName]?.columns.map(\.shape).sorted()
            guard columns != there else { continue }
            throw PlanError(
                .refused,
                "\(table.qualifiedName) could not be changed to match the source: "
                    + "the source has (\(columns.joined(separator: ", ").visible)), "
                    + "the target has \(there.map { "(\($0.joined(separator: ", ").visible))" } ?? "no such table")",
                hint: "make the same change on the target by hand and run again, or start over with an empty target"
            )
        }
    }
}

extension Column {
    /// What a binary COPY assumes to be the same on both sides.
    fileprivate var shape: ServerText { ServerText("\(name.string) \(type.string) \(generated)") }
}
