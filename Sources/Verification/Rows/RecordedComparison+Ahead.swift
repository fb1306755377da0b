import Catalog
package import Planning
package import Postgres
import Synchronization

/// The larger part of the work, done while the server still validates constraints and samples tables for statistics.
///
/// The ranges of a table are compared once its rows are loaded, each in its own snapshot. At the end the table is read
/// without any index, which is needed anyway. If it has as many rows as the ranges held, and none written since, these
/// are the rows that were compared.
extension RecordedComparison {
    /// A range that was compared, and the state of its table at that time.
    struct EarlyLook: Sendable {
        let item: Item
        let table: TableState
    }

    /// Compares the ranges of tables that have several; for other tables the read at the end is all the work.
    ///
    /// - Parameters:
    ///   - target: A connection without a transaction.
    ///   - identity: The identity of the target.
    /// - Throws: ``PostgresError``.
    package func compareAhead(on target: Connection, _ identity: MarkIdentity) throws {
        while !stop.isRequested, let item = takeOfCutTable() {
            do {
                try examining(item.range.table) {
                    try target.transaction(.snapshot) { try look(at: item, on: target, identity) }
                }
            } catch is TransactionFailed {
                // The next range has its own transaction.
            }
        }
    }

    private func look(at item: Item, on target: Connection, _ identity: MarkIdentity) throws {
        // The state is read first, so that a row written afterwards counts as written since.
        let table = try TableState(of: item.range.table, on: target, identity)
        try compare(item, on: target)
        state.withLock { $0.early[item.range.table, default: []].append(EarlyLook(item: item, table: table)) }
    }

    /// Takes the largest remaining range of a table that has several.
    private func takeOfCutTable() -> Item? {
        state.withLock { state in
            guard let index = state.open.lastIndex(where: { cutTables.contains($0.range.table) }) else { return nil }
            return state.open.remove(at: index)
        }
    }

    /// Checks whether the results of ``compareAhead(on:_:)`` remain valid; if not, ``compare(on:)`` must run again.
    ///
    /// - Parameters:
    ///   - target: A connection in the snapshot in which the target is verified.
    ///   - identity: The identity of the target.
    /// - Throws: ``PostgresError``, ``TransactionFailed``.
    package func settle(on target: Connection, _ identity: MarkIdentity) throws {
        try target.doWithoutIndexes()
        while !stop.isRequested, let (part, looks) = takeOfEarlyCounts(), let first = looks.first {
            // The oldest mark of all looks: whatever was written after any look was written after this mark.
            let mark = looks.map(\.table.mark).min { $0.snapshot.xmin < $1.snapshot.xmin } ?? first.table.mark
            try examining(part.table) {
                let row = try during("counting \(part.table)") {
                    try target.queryOne(first.item.range.count(of: part.blocks, writtenSince: mark, .target))
                }
                let count = TableCount(
                    rows: try row.integer("rows"),
                    written: try row.integer("written"),
                    files: try row.files
                )
                guard let all = state.withLock({ $0.earlyCounts?.add(count, of: part) }) else { return }
                let now = try TableState(of: part.table, on: target, identity)
                conclude(
                    part.table,
                    from: looks,
                    counted: all,
                    areComparable: looks.allSatisfy { $0.table.showsWrites(until: now) }
                )
            }
        }
    }

    private func takeOfEarlyCounts() -> (CountQueue<QualifiedName>.Part, [EarlyLook])? {
        state.withLock { state in
            if state.earlyCounts == nil {
                let early = state.early.keys.compactMap { tables[$0] }
                    .sorted { $0.tableBytes.target > $1.tableBytes.target }
                state.earlyCounts = CountQueue(early.map { ($0.table, $0.blocks.target) })
            }
            return state.earlyCounts?.next().map { ($0, state.early[$0.table] ?? []) }
        }
    }

    private func conclude(
        _ table: QualifiedName,
        from looks: [EarlyLook],
        counted all: TableCount,
        areComparable: Bool
    ) {
        state.withLock { state in
            state.early[table] = nil
            let isWhole = !state.open.contains { $0.range.table == table }
            let stands = isWhole && areComparable && all.written == 0 && all.rows == state.tallies[table]?.rows ?? 0
            guard !stands else { return state.counts.remove(table) }
            state.tallies[table] = nil
            // By bytes: as Strings, two names may be equal that are not.
            state.findings.removeAll { ServerText($0.object) == ServerText(table.description) }
            state.open += looks.map(\.item)
        }
    }
}
