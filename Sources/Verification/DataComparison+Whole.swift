import Catalog
import Ledger
import Postgres
import Synchronization

/// Large tables, each read once from end to end without any index: due before ranges are compared one by one.
///
/// Each side is cut by where its rows lie, which says nothing about the other's parts; only the sums are compared.
extension DataComparison {
    /// Whether there are such tables.
    package var hasWhole: Bool { state.withLock { !$0.wholes.tables.isEmpty } }

    /// Reads such tables, all connections at once: what was proven ahead of them is looked at, of the others all rows
    /// are hashed.
    ///
    /// Ranges that stand or are equal are done with; those of tables that differ are due for ``compare(with:)``, which
    /// tells where.
    ///
    /// - Parameter pair: The connections to ask.
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
                try conclude(table, sums.source, sums.target, pair)
            } else {
                conclude(part.table.table, sums.source, sums.target)
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
                keys: try row.sum("keys")
            )
        }
        guard let range = tables[part.table.table] else { return TableCount() }
        let row = try connection.queryOne(range.fingerprint(of: part.blocks, hash, side))
        return TableCount(rows: try row.integer("rows"), sum: try row.sum("fingerprint"))
    }

    private func conclude(_ name: QualifiedName, _ source: TableCount, _ target: TableCount) {
        guard source == target else { return }
        state.withLock { state in
            state.open.removeAll { $0.table == name }
            state.tallies[name] = Tally(
                ranges: rangeCounts[name] ?? 0,
                sourceRows: source.rows,
                targetRows: target.rows
            )
        }
    }

    /// Takes down that a table's ranges stand, if they do.
    ///
    /// Rows not written since any of the marks are among those that were proven, on either side. Where none has gone
    /// their number tells that they are all there; where some have, their keys tell that the same have gone on both
    /// sides, for of proven rows the same key means the same row.
    private func conclude(
        _ table: StandingTable,
        _ source: TableCount,
        _ target: TableCount,
        _ pair: VerificationPair
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

extension Row {
    /// A sum of hashes, which no integer of the server's holds.
    fileprivate func sum(_ column: String) throws -> Int128 {
        guard let sum = Int128(try word(column)) else {
            throw PostgresError(.unexpectedAnswer, "\(column) is no number: \(try word(column).visible)")
        }
        return sum
    }
}
