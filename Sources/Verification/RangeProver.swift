package import Catalog
package import Ledger
import Planning
package import Postgres

/// Compares chunks with the source days ahead and enters in the ledger which are proven.
///
/// Only what will stand is entered: a chunk in which nothing was written since its mark, on either side, by any
/// transaction that may still be open.
package final class RangeProver {
    /// One chunk, as the ledger names it.
    package struct ChunkName: Hashable, Sendable {
        let table: QualifiedName
        let range: KeyRange
    }

    /// What the workers need to know, and what they tell.
    package struct Context: Sendable {
        let pass: Int
        let epoch: Int
        let relations: [Int: RelationEntry]
        let ranges: [ChunkName: ComparedRange]
        let source: MarkIdentity
        let target: MarkIdentity
        let hash: RowHash
        let isStopped: @Sendable () -> Bool
        let tell: @Sendable (String) -> Void

        /// - Parameters:
        ///   - pass: The pass whose chunks are proven.
        ///   - epoch: What this client holds.
        ///   - relations: The ledger's tables.
        ///   - ranges: How the chunks are compared; what is not among them is not proven.
        ///   - source: Which database the source is.
        ///   - target: Which database the target is.
        ///   - hash: How rows become numbers.
        ///   - isStopped: Ends the work between two chunks.
        ///   - tell: Told of chunks that differ although nothing was written to them on the source.
        package init(
            pass: Int,
            epoch: Int,
            relations: [RelationEntry],
            ranges: [ComparedRange],
            source: MarkIdentity,
            target: MarkIdentity,
            hash: RowHash,
            isStopped: @escaping @Sendable () -> Bool,
            tell: @escaping @Sendable (String) -> Void
        ) {
            self.pass = pass
            self.epoch = epoch
            self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
            self.ranges = Dictionary(
                ranges.map { (ChunkName(table: $0.table, range: $0.range), $0) },
                uniquingKeysWith: { first, _ in first }
            )
            self.source = source
            self.target = target
            self.hash = hash
            self.isStopped = isStopped
            self.tell = tell
        }
    }

    /// Somebody on the source keeps a table to himself.
    private struct LockedOut: Error {}

    /// Waiting in a lock's queue makes everybody behind us wait as well.
    private static let lockTimeout: SQL = "'5s'"

    private let source: Connection
    private let target: Connection
    private let context: Context
    /// Tables, by the ledger's numbers, that are left to the night.
    private var lockedOut: Set<Int> = []

    /// Opens both connections.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target.
    ///   - purpose: What `pg_stat_activity` shows.
    ///   - interrupter: Cancels both.
    ///   - context: What is to be proven.
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
    /// - Throws: ``PostgresError``, ``LedgerError``. What was proven stays.
    package func work() throws {
        while !context.isStopped(), try proveNext() {}
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
            // A proof ahead only saves time: the next pass tries again, or the night compares the rows.
            do {
                try during("proving \(relation.name) chunk \(chunk.chunkNumber) \(chunk.range)") {
                    try refusing(relation.name) {
                        try source.transaction(.snapshot) { try prove(chunk, range, relation, since: mark, ledger) }
                    }
                }
            } catch let error where Self.isLockedOut(error) {
                lockedOut.insert(chunk.relationId)
                if source.isBroken { try source.reconnect() }
                // A proof ahead only saves time: the next pass tries again, or the night compares the rows.
            }
            return true
        }
    }

    /// Somebody has the source's table, or waited for it behind us.
    private static func isLockedOut(_ error: any Error) -> Bool {
        error is LockedOut || (error as? PostgresError)?.code == .gaveWay
    }

    /// Where a server refuses to read the rows, says so and leaves the chunk unproven.
    private func refusing(_ table: QualifiedName, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as PostgresError where error.isRefusal {
            try target.execute("ROLLBACK TO SAVEPOINT proof")
            context.tell("the rows of \(table) cannot be compared, the cutover will not prove them: \(error)")
        }
    }

    private func prove(
        _ chunk: ChunkEntry,
        _ range: ComparedRange,
        _ relation: RelationEntry,
        since mark: Mark,
        _ ledger: Ledger
    ) throws {
        try source.execute("SET LOCAL lock_timeout = \(Self.lockTimeout)")
        do {
            try source.execute("LOCK TABLE \(relation.rows) IN ACCESS SHARE MODE")
        } catch let error as PostgresError where error.sqlState == "55P03" {
            throw LockedOut()
        }
        let here = try TableState(of: relation.name, on: source, context.source)
        // What was copied had the columns the ledger knows; whatever has changed since, the next pass follows.
        guard here.mark.tableOid == relation.definition.oid, here.isLaidOut(as: relation.definition),
            mark.voidReason(at: here.mark) == nil
        else { return }
        // The state first, the rows after it: what is written in between counts as written since.
        let there = try TableState(of: relation.name, on: target, context.target)
        let ours = try Look(source.queryOne(range.fingerprint(context.hash, writtenSince: mark, .source)))
        guard ours.written == 0, ours.fingerprint.rows == chunk.rows else { return }
        let theirs = try Look(target.queryOne(range.fingerprint(context.hash, writtenSince: there.mark, .target)))
        guard ours.fingerprint == theirs.fingerprint else {
            context.tell(
                "\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range) is not what was copied: somebody writes on the "
                    + "target. It is compared and copied again by the next pass"
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
        // A transaction as old as these rows is still open somewhere: they would count as written since.
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
