import Catalog
import Glibc
package import Ledger
package import Planning
package import Postgres

/// A worker's two connections, used by one thread, so that copying between them never waits for a scheduler.
package final class Lane {
    package let source: Connection
    package let target: Connection

    /// Its number among the lanes that work together, from 1.
    let number: Int
    /// Whether another lane has found that nothing is left to do.
    package var isNothingLeft: () -> Bool = { false }

    private var knownHash: RowHash?
    /// The exported snapshot that the open source transaction reads, if there is one.
    private var openSnapshot: SharedSnapshot?
    /// The marks of the tables that the open transaction in a shared snapshot has locked, by their numbers.
    private var marks: [Int: Mark] = [:]

    /// Opens both connections.
    ///
    /// - Parameters:
    ///   - source: The source's endpoint.
    ///   - target: The target's endpoint.
    ///   - number: Its number among the lanes that work together, from 1.
    ///   - purpose: Shown in `pg_stat_activity` on both sides.
    ///   - interrupter: Cancels both.
    /// - Throws: ``PostgresError``.
    package init(source: Endpoint, target: Endpoint, number: Int, purpose: String, interrupter: Interrupter) throws {
        self.number = number
        self.source = try Connection(to: source, purpose: purpose, interrupter: interrupter)
        self.target = try Connection(to: target, purpose: purpose, interrupter: interrupter)
    }

    /// The hash that both servers compute alike; determined once.
    func commonHash() throws -> RowHash {
        if let knownHash { return knownHash }
        let hash = try RowHash.common(to: source, and: target)
        knownHash = hash
        return hash
    }

    /// Repeats `body` after a transient failure, on new connections if necessary.
    func retrying<Result>(_ progress: TransferProgress, _ stop: StopRequest, _ body: () throws -> Result) throws
        -> Result
    {
        try Retry.transientFailures(
            unless: stop,
            recover: { error in
                progress.countRetry(error)
                try recover()
            },
            body
        )
    }

    /// Waits as long as the work is paused, or fewer lanes are to work, with no transaction open on the source.
    ///
    /// - Returns: Whether it had to wait and should look again: the end of the work may have been requested meanwhile.
    func waitForItsTurn(_ progress: TransferProgress, _ stop: StopRequest) throws -> Bool {
        let throttle = progress.throttle
        guard !throttle.lets(number), !isNothingLeft() else { return false }
        try leaveSharedSnapshot()
        throttle.wait(for: number) { stop.isRequested || isNothingLeft() }
        return true
    }

    /// Rolls back open transactions and reconnects broken connections.
    package func recover() throws {
        source.rollBack()
        target.rollBack()
        openSnapshot = nil
        marks = [:]
        if source.isBroken { try source.reconnect() }
        if target.isBroken { try target.reconnect() }
    }

    /// Runs `body` in a source transaction: in the shared snapshot, which stays open for the next call, or in its own
    /// snapshot, which ends with `body`.
    package func reading<Result>(in shared: SharedSnapshot?, _ body: () throws -> Result) throws -> Result {
        guard let shared else {
            try leaveSharedSnapshot()
            return try source.transaction(.snapshot, body)
        }
        if openSnapshot != shared {
            try leaveSharedSnapshot()
            try source.begin(.shared(shared))
            openSnapshot = shared
        }
        return try body()
    }

    /// Ends the transaction that reads a shared snapshot, so that it does not hold back vacuum on the source.
    func leaveSharedSnapshot() throws {
        guard openSnapshot != nil else { return }
        openSnapshot = nil
        marks = [:]
        try source.execute("COMMIT")
    }

    /// The mark for rows of a table that the open source transaction reads; locks the table against changes first.
    ///
    /// In a shared snapshot, the lock and the mark hold until the transaction ends, so they are taken once.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - context: The pass.
    /// - Returns: The mark.
    /// - Throws: ``PostgresError``; `.snapshotLost` if the table may have been rewritten since other workers read it in the same
    ///   snapshot.
    package func mark(of relation: RelationEntry, in context: PassContext) throws -> Mark {
        if let known = marks[relation.relationId] { return known }
        let mark = try relation.takeMark(on: source, context.identity)
        if openSnapshot != nil {
            try context.files.check(mark, of: relation)
            if let openSnapshot { try context.files.checkLocks(of: [relation], heldBy: openSnapshot, on: source) }
            marks[relation.relationId] = mark
        }
        return mark
    }
}
