import Catalog
import Ledger
import Planning
package import Postgres

/// Compares chunks with the source days ahead and records in the ledger which are proven.
///
/// A proof covers the rows that the target holds: those of the source that were not written since the chunk's mark. Only
/// proofs that will remain valid are recorded: no row of the target may be of a transaction that may still be open.
package final class RangeProver {
    /// Another session on the source holds an exclusive lock on a table.
    private struct LockedOut: Error {}

    private let source: Connection
    private let target: Connection
    private let context: ProvingContext
    /// Tables, by their ids in the ledger, whose chunks this worker skips.
    private var lockedOut: Set<Int> = []

    /// Opens both connections.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target.
    ///   - purpose: The text that `pg_stat_activity` shows.
    ///   - interrupter: Cancels both connections.
    ///   - context: What to prove, shared by all workers.
    /// - Throws: ``PostgresError``.
    package init(
        source: Endpoint,
        target: Endpoint,
        purpose: String,
        interrupter: Interrupter,
        context: ProvingContext
    ) throws {
        self.source = try Connection(to: source, purpose: purpose, interrupter: interrupter)
        self.target = try Connection(to: target, purpose: purpose, interrupter: interrupter)
        self.context = context
    }

    /// Proves chunks until none is left to take.
    ///
    /// - Throws: ``PostgresError``, ``LedgerError``. Chunks proven before the error stay proven.
    package func work() throws {
        repeat { context.waitForTurn() } while try !context.stop.isRequested && proveNext()
    }

    /// Proves tables with scattered keys, part by part.
    ///
    /// - Parameter proofs: The tables; shared by all workers.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    package func work(on proofs: ScatteredProofs) throws {
        try proofs.work(source, target)
    }

    private func proveNext() throws -> Bool {
        try target.transaction(.readWrite) {
            let ledger = Ledger(target, epoch: context.epoch)
            guard let chunk = try ledger.claimForProof(pass: context.pass) else { return false }
            try ledger.passOverProof(of: chunk, pass: context.pass)
            guard !lockedOut.contains(chunk.relationId),
                let relation = context.relations[chunk.relationId], let mark = chunk.mark,
                let range = context.comparedRange(relation, chunk)
            else { return true }
            try target.execute("SAVEPOINT proof")
            do {
                try during("proving \(relation.name) chunk \(chunk.chunkNumber) \(chunk.range)") {
                    try refusing(relation.name) {
                        try source.transaction(.snapshot) {
                            try prove(chunk, of: relation, comparing: range, since: mark, ledger: ledger)
                        }
                    }
                }
            } catch let error where Self.isLockedOut(error) {
                lockedOut.insert(chunk.relationId)
                if source.isBroken { try source.reconnect() }
                // A proof ahead only saves time: the next pass tries again, or cutover compares the rows.
            }
            return true
        }
    }

    /// Whether another session holds the source's table, or this one gave way to a session waiting for it.
    private static func isLockedOut(_ error: any Error) -> Bool {
        error is LockedOut || (error as? PostgresError)?.code == .gaveWay
    }

    /// Runs the body; if a server refuses to read the rows, reports it and leaves the chunk unproven.
    private func refusing(_ table: QualifiedName, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as PostgresError where error.isRefusal {
            try target.execute("ROLLBACK TO SAVEPOINT proof")
            context.cannotCompare(table, error)
        }
    }

    private func prove(
        _ chunk: ChunkEntry,
        of relation: RelationEntry,
        comparing range: ComparedRange,
        since mark: Mark,
        ledger: Ledger
    ) throws {
        try source.execute("SET LOCAL lock_timeout = \(ProvingContext.lockTimeout)")
        do {
            try source.execute("LOCK TABLE \(relation.rows) IN ACCESS SHARE MODE")
        } catch let error as PostgresError where error.sqlState == "55P03" {
            throw LockedOut()
        }
        let here = try TableState(of: relation.name, on: source, context.source)
        // The copied rows had the columns recorded in the ledger; the next pass follows any later change.
        guard here.mark.tableOid == relation.definition.oid, here.isLaidOut(as: relation.definition),
            mark.voidReason(at: here.mark) == nil
        else { return }
        // The state is read before the rows, so that a row written in between counts as written since.
        let there = try TableState(of: relation.name, on: target, context.target)
        let ours = try Look(source.queryOne(range.untouchedFingerprint(context.hash, since: mark, .source)))
        guard ours.fingerprint.rows == chunk.rows, ours.written == 0 || mark.fileNode == here.mark.fileNode else {
            return
        }
        let theirs = try Look(target.queryOne(range.fingerprint(context.hash, writtenSince: there.mark, .target)))
        guard ours.fingerprint == theirs.fingerprint else {
            return try context.distrust(chunk, of: relation, in: ledger)
        }
        // A transaction as old as these rows is still open, so they would count as written since.
        guard theirs.written == 0 else { return }
        try ledger.prove(
            chunk,
            by: ChunkProof(
                // What was written in between is not in the target yet, so it is new for whoever checks the proof.
                source: ours.written == 0 ? here : here.at(mark),
                target: there,
                pass: context.pass,
                rows: ours.fingerprint.rows,
                method: context.hash.rawValue,
                sum: ours.fingerprint.sum
            ),
            pass: context.pass
        )
    }

    private struct Look {
        let fingerprint: Fingerprint
        let written: Int

        init(_ row: Row) throws {
            fingerprint = try Fingerprint(row)
            written = try row.integer("written")
        }
    }
}
