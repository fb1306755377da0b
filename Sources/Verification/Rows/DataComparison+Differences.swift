import Catalog
import Planning
import Postgres
import Synchronization

/// Ranges that differ, and the rows in which they do.
extension DataComparison {
    /// Records the result for a range and finds the rows that differ.
    func enter(
        _ source: Fingerprint,
        _ target: Fingerprint,
        of range: ComparedRange,
        with pair: VerificationPair
    ) throws {
        let isDifferent = source != target
        let room = state.withLock { state in
            var tally = state.tallies[range.table] ?? Tally()
            tally.ranges += 1
            tally.sourceRows += source.rows
            tally.targetRows += target.rows
            if isDifferent { tally.differing += 1 }
            state.tallies[range.table] = tally
            return Self.namedKeys - (state.described[range.table] ?? 0)
        }
        guard isDifferent else { return }
        var outcome = RowDifferences.Outcome()
        // On a live target, only the rows tell whether a range differs by more than others' writes.
        if let key = range.identity, room > 0 || live != nil {
            let differences = RowDifferences(
                range: range,
                key: key,
                hash: hash,
                limit: max(0, room),
                showsValues: showsValues,
                live: live
            )
            do {
                outcome = try differences.find(pair)
            } catch let error as PostgresError where error.isRefusal {
                // It is still known that the range differs.
                try pair.beginAnew()
                let reason = "the differing rows of \(range.table) in \(range.range) could not be listed: \(error)"
                state.withLock { $0.unnamed.append(reason) }
            }
        } else if live != nil {
            let reason =
                "rows of \(range.table) differ, and it has no key to tell which of them were written since the cutover"
            return state.withLock { $0.unnamed.append(reason) }
        }
        if live != nil {
            state.withLock { state in
                state.changes[range.table] = (state.changes[range.table] ?? LiveTarget.Changes()) + outcome.changes
                if outcome.named.isEmpty, outcome.rest == 0 { state.tallies[range.table]?.differing -= 1 }
            }
            if outcome.named.isEmpty, outcome.rest == 0 { return }
        }
        let named = outcome.named
        var rest = outcome.rest
        state.withLock { state in
            // Other workers may have listed rows of the same table meanwhile.
            let kept = named.prefix(max(0, Self.namedKeys - (state.described[range.table] ?? 0)))
            rest += named.count - kept.count
            state.described[range.table, default: 0] += kept.count
            state.findings += kept
            if kept.isEmpty {
                state.findings.append(
                    Finding(
                        "rows",
                        object: range.table.description,
                        problem: "differ",
                        severity: .stops,
                        "rows differ in \(range.range)",
                        source: "\(source.rows) rows, fingerprint \(source.sum)",
                        target: "\(target.rows) rows, fingerprint \(target.sum)"
                    )
                )
            } else if rest > 0 {
                let message = "\(rest) more rows differ in \(range.range)"
                state.findings.append(
                    Finding("rows", object: range.table.description, problem: "more", severity: .stops, message)
                )
            }
        }
    }
}
