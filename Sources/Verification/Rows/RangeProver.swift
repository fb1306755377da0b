package import Catalog
package import Ledger
package import Planning
package import Postgres

/// Compares chunks with the source days ahead and records in the ledger which are proven.
///
/// Only proofs that will remain valid are recorded. So on both sides, no row of the chunk may have been written since
/// its mark or by a transaction that may still be open.
package final class RangeProver {
    /// One chunk, as the ledger names it.
    package struct ChunkName: Hashable, Sendable {
        let table: QualifiedName
        let range: KeyRange
    }

    /// What the workers share.
    package struct Context: Sendable {
        let pass: Int
        let epoch: Int
        let relations: [Int: RelationEntry]
        let ranges: [ChunkName: ComparedRange]
        let source: MarkIdentity
        let target: MarkIdentity
        let hash: RowHash
        let stop: StopRequest
        let note: @Sendable (String) -> Void

        /// - Parameters:
        ///   - pass: The pass whose chunks are proven.
        ///   - epoch: The epoch this client holds.
        ///   - relations: The tables in the ledger.
        ///   - ranges: How the chunks are compared; chunks without a range are not proven.
        ///   - source: The identity of the source.
        ///   - target: The identity of the target.
        ///   - hash: How rows are hashed.
        ///   - stop: Asked between two chunks; a request ends the work.
        ///   - note: Called with messages about chunks that differ although the source did not change, and about tables
        ///     that cannot be compared.
        package init(
            pass: Int,
            epoch: Int,
            relations: [RelationEntry],
            ranges: [ComparedRange],
            source: MarkIdentity,
            target: MarkIdentity,
            hash: RowHash,
            stop: StopRequest,
            note: @escaping @Sendable (String) -> Void
        ) {
            self.pass = pass
            self.epoch = epoch
            self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
            self.ranges = Dictionary(keepingFirst: ranges.map { (ChunkName(table: $0.table, range: $0.range), $0) })
            self.source = source
            self.target = target
            self.hash = hash
            self.stop = stop
            self.note = note
        }
    }

    /// Another session on the source holds an exclusive lock on a table.
    private struct LockedOut: Error {}

    /// The limit for lock waits on the source, because sessions that queue behind this one wait as well.
    private static let lockTimeout: SQL = "'5s'"

    private let source: Connection
    private let target: Connection
    private let context: Context
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
        context: Context
    ) throws {
        self.source = try Connection(to: source, purpose: purpose, interrupter: interrupter)
        self.target = try Connection(to: target, purpose: purpose, interrupter: interrupter)
        self.context = context
    }

    /// Proves chunks until none is left to take.
    ///
    /// - Throws: ``PostgresError``, ``LedgerError``. Chunks proven before the error stay proven.
    package func work() throws {
        while !context.stop.isRequested, try proveNext() {}
    }

    private func proveNext() throws -> Bool {
        try target.transaction(.readWrite) {
            let ledger = Ledger(target, epoch: context.epoch)
            guard let chunk = try ledger.claimForProof(pass: context.pass) else { return false }
            try ledger.passOverProof(of: chunk, pass: context.pass)
            guard !lockedOut.contains(chunk.relationId),
                let relation = context.relations[chunk.relationId], let mark = chunk.mark,
                let range = context.ranges[ChunkName(table: relation.name, range: chunk.range)]
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
            context.note("the rows of \(table) cannot be compared, so cutover will not prove them: \(error)")
        }
    }

    private func prove(
        _ chunk: ChunkEntry,
        of relation: RelationEntry,
        comparing range: ComparedRange,
        since mark: Mark,
        ledger: Ledger
    ) throws {
        try source.execute("SET LOCAL lock_timeout = \(Self.lockTimeout)")
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
        let ours = try Look(source.queryOne(range.fingerprint(context.hash, writtenSince: mark, .source)))
        guard ours.written == 0, ours.fingerprint.rows == chunk.rows else { return }
        let theirs = try Look(target.queryOne(range.fingerprint(context.hash, writtenSince: there.mark, .target)))
        guard ours.fingerprint == theirs.fingerprint else {
            context.note(
                "\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range) differs from what was copied: another "
                    + "session writes on the target. The next pass compares and copies the chunk again"
            )
            try ledger.distrust(chunk, pass: context.pass)
            try ledger.record(
                "distrusted",
                subject: relation.name.description,
                relation: chunk.relationId,
                chunk: chunk.chunkNumber
            )
            return
        }
        // A transaction as old as these rows is still open, so they would count as written since.
        guard theirs.written == 0 else { return }
        try ledger.prove(
            chunk,
            by: ChunkProof(
                source: here,
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
