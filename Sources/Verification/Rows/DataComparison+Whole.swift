import Catalog
import Planning
import Postgres
import Synchronization

/// Large tables, each read once in full without any index, before ranges are compared one by one.
///
/// Each side is divided by block position, so its parts do not correspond to the other side's: only the sums of the
/// whole table are compared.
extension DataComparison {
    /// Whether there are such tables.
    package var hasWhole: Bool { state.withLock { !$0.wholes.tables.isEmpty } }

    /// Reads such tables, with all connections at once.
    ///
    /// Proofs made ahead are checked; tables without them are hashed in full. Ranges whose proof remains valid or that
    /// are equal need no more work. The others are left for ``compare(with:)``, which finds where they differ.
    ///
    /// - Parameter pair: The connections to use.
    /// - Throws: ``PostgresError``.
    package func compareWhole(with pair: VerificationPair) throws {
        try readWithoutIndexes(pair, next: { $0.wholes.next() }) { part in
            let count = try read(part, pair)
            let sums = state.withLock { state -> (source: TableCount, target: TableCount)? in
                guard let all = state.wholes.add(count, of: part) else { return nil }
                state.counted[part.table] = all
                guard let source = state.counted[CountedSide(table: part.table.table, side: .source)],
                    let target = state.counted[CountedSide(table: part.table.table, side: .target)]
                else { return nil }
                return (source, target)
            }
            guard let sums else { return }
            if let table = standing[part.table.table] {
                try conclude(table, source: sums.source, target: sums.target, with: pair)
            } else {
                conclude(part.table.table, source: sums.source, target: sums.target)
            }
        }
    }

    private func read(_ part: CountQueue<CountedSide>.Part, _ pair: VerificationPair) throws -> TableCount {
        let side = part.table.side
        let connection = pair.connection(side)
        if let table = standing[part.table.table] {
            let row = try connection.queryOne(table.look(at: part.blocks, hash, side))
            return TableCount(
                rows: try row.integer("rows"),
                proven: try row.integer("proven"),
                written: try row.integer("written"),
                sum: try row.sum("fingerprint"),
                reduced: try row.integer("reduced"),
                keys: try row.sum("keys"),
                files: try row.files
            )
        }
        guard let range = tables[part.table.table] else { return TableCount() }
        let row = try connection.queryOne(range.fingerprint(of: part.blocks, hash, side))
        return TableCount(rows: try row.integer("rows"), sum: try row.sum("fingerprint"), files: try row.files)
    }

    private func conclude(_ name: QualifiedName, source: TableCount, target: TableCount) {
        guard (source.rows, source.sum) == (target.rows, target.sum) else { return }
        state.withLock { state in
            state.open.removeAll { $0.table == name }
            state.tallies[name] = Tally(
                ranges: rangeCounts[name] ?? 0,
                sourceRows: source.rows,
                targetRows: target.rows
            )
        }
    }

    /// Records that the proofs of a table's ranges remain valid, if they do.
    ///
    /// On both sides, rows not written since the oldest mark are among the proven ones. In ranges from which no row was
    /// removed, an unchanged number shows that all of them are still there. In the others, equal key sums show that the
    /// same rows were removed on both sides: for proven rows, the same key means the same row.
    private func conclude(
        _ table: StandingTable,
        source: TableCount,
        target: TableCount,
        with pair: VerificationPair
    ) throws {
        let name = table.range.table
        let now = try pair.states(of: name)
        let rows = table.rows
        guard table.proofs.values.allSatisfy({ $0.canStand(source: now.source, target: now.target) }),
            source.proven - source.written - source.reduced == rows,
            (source.proven, source.written, source.sum) == (target.proven, target.written, target.sum),
            (source.reduced, source.keys) == (target.reduced, target.keys)
        else { return }
        state.withLock { state in
            state.open.removeAll { $0.table == name && table.proofs[$0.range] != nil }
            var tally = state.tallies[name] ?? Tally()
            tally.ranges += table.proofs.count
            tally.standing += table.proofs.count
            tally.sourceRows += source.proven
            tally.targetRows += target.proven
            state.tallies[name] = tally
        }
    }
}
