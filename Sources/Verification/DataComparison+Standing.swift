import Catalog
import Ledger
import Postgres
import Synchronization

/// What was proven ahead, table by table: due before ranges are compared one by one.
extension DataComparison {
    /// Whether there is a table of which most was proven ahead.
    package var hasStanding: Bool { state.withLock { !$0.looks.tables.isEmpty } }

    /// Reads such tables from end to end, all connections at once, and looks whether what was proven stands.
    ///
    /// Ranges that stand are done with; the others are due for ``compare(with:)``.
    ///
    /// - Parameter pair: The connections to ask.
    /// - Throws: ``PostgresError``.
    package func lookAtProven(with pair: VerificationPair) throws {
        try readWithoutIndexes(pair, next: { $0.looks.next() }) { part in
            guard let table = standing[part.table.table] else { return }
            let side = part.table.side
            let row = try pair.connection(side).queryOne(table.look(at: part.blocks, hash, side))
            let count = CountQueue<CountedSide>.Count(
                rows: try row.integer("rows"),
                proven: try row.integer("proven"),
                written: try row.integer("written"),
                sum: try row.sum("fingerprint"),
                reduced: try row.integer("reduced"),
                keys: try row.sum("keys")
            )
            let whole = state.withLock {
                state -> (source: CountQueue<CountedSide>.Count, target: CountQueue<CountedSide>.Count)? in
                guard let all = state.looks.add(count, of: part) else { return nil }
                state.counted[part.table] = all
                guard let source = state.counted[CountedSide(table: part.table.table, side: .source)],
                    let target = state.counted[CountedSide(table: part.table.table, side: .target)]
                else { return nil }
                return (source, target)
            }
            if let whole { try conclude(table, whole.source, whole.target, pair) }
        }
    }

    /// Takes down that a table's ranges stand, if they do.
    ///
    /// Rows not written since any of the marks are among those that were proven, on either side. Where none has gone their
    /// number tells that they are all there; where some have, their keys tell that the same have gone on both sides, for of
    /// proven rows the same key means the same row.
    private func conclude(
        _ table: StandingTable,
        _ source: CountQueue<CountedSide>.Count,
        _ target: CountQueue<CountedSide>.Count,
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
        guard let sum = Int128(try text(column)) else {
            throw PostgresError(.unexpectedAnswer, "\(column) is no number: \(try text(column))")
        }
        return sum
    }
}
