package import Ledger
import Planning
package import Postgres

/// A verifier's two connections, each reading the snapshot its side is judged by.
package final class VerificationPair {
    /// After so many tables a transaction is ended: it keeps a lock on each of them, with all its indexes, and the
    /// server has room for 64 in a transaction (PostgreSQL manual, max_locks_per_transaction).
    private static let tablesOfTransaction = 8

    package let source: Connection
    package let target: Connection
    private let beginnings: (source: Connection.TransactionMode, target: Connection.TransactionMode)
    private let identities: (source: MarkIdentity, target: MarkIdentity)
    private var states: [QualifiedName: (source: TableState, target: TableState)] = [:]
    private var tables = 0

    /// Opens both connections and imports the snapshots.
    ///
    /// - Parameters:
    ///   - source: The source, a snapshot exported there, and which database it is.
    ///   - target: The target, a snapshot exported there, and which database it is.
    ///   - purpose: What `pg_stat_activity` shows.
    ///   - interrupter: Cancels both.
    /// - Throws: ``PostgresError``.
    package init(
        source: (endpoint: Endpoint, snapshot: SharedSnapshot, identity: MarkIdentity),
        target: (endpoint: Endpoint, snapshot: SharedSnapshot, identity: MarkIdentity),
        purpose: String,
        interrupter: Interrupter
    ) throws {
        beginnings = (.shared(source.snapshot), .shared(target.snapshot))
        identities = (source.identity, target.identity)
        self.source = try Connection(to: source.endpoint, purpose: purpose, interrupter: interrupter)
        self.target = try Connection(to: target.endpoint, purpose: purpose, interrupter: interrupter)
        try self.source.begin(beginnings.source)
        try self.target.begin(beginnings.target)
    }

    func connection(_ side: Endpoint.Side) -> Connection { side == .source ? source : target }

    /// What a table is on both sides.
    func states(of table: QualifiedName) throws -> (source: TableState, target: TableState) {
        if let known = states[table] { return known }
        let found = (
            source: try TableState(of: table, on: source, identities.source),
            target: try TableState(of: table, on: target, identities.target)
        )
        states[table] = found
        return found
    }

    /// Says that another table, or another part of one, is looked at from now on: the same snapshots, perhaps in new
    /// transactions.
    ///
    /// - Parameter count: How many tables; more than a transaction should have get one of their own.
    /// - Returns: Whether the transactions are new.
    /// - Throws: ``PostgresError``.
    @discardableResult
    func turnToNext(_ count: Int = 1) throws -> Bool {
        tables += count
        guard tables > Self.tablesOfTransaction else { return false }
        tables = count
        try beginAnew()
        return true
    }

    /// Ends both transactions, failed or not, and reads the same snapshots in new ones.
    ///
    /// - Throws: ``PostgresError``.
    func beginAnew() throws {
        for connection in [source, target] { try connection.execute("COMMIT") }
        try source.begin(beginnings.source)
        try target.begin(beginnings.target)
    }
}
