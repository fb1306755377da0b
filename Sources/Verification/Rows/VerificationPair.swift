package import Planning
package import Postgres

/// A verifier's two connections, each reading the snapshot in which its side is verified.
package final class VerificationPair {
    /// The number of tables after which a transaction is ended: it keeps a lock on each of them with all its indexes,
    /// and the server has room for 64 per transaction (PostgreSQL manual, max_locks_per_transaction).
    private static let tablesOfTransaction = 8
    /// The number of tables whose states are read at once.
    private static let tablesAtOnce = 50

    package let source: Connection
    package let target: Connection
    private let beginnings: (source: Connection.TransactionMode, target: Connection.TransactionMode)
    private let identities: (source: MarkIdentity, target: MarkIdentity)
    private var states: [QualifiedName: (source: TableState, target: TableState)] = [:]
    private var tables = 0

    /// Opens both connections and imports the snapshots.
    ///
    /// - Parameters:
    ///   - source: The source, a snapshot exported there, and the source's identity.
    ///   - target: The target, a snapshot exported there, and the target's identity.
    ///   - purpose: The text that `pg_stat_activity` shows.
    ///   - interrupter: Cancels both connections.
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

    /// Returns the state of a table on both sides.
    func states(of table: QualifiedName) throws -> (source: TableState, target: TableState) {
        if let known = states[table] { return known }
        let found = (
            source: try TableState(of: table, on: source, identities.source),
            target: try TableState(of: table, on: target, identities.target)
        )
        states[table] = found
        return found
    }

    /// Returns the tables whose rows still mean what they meant when they were proven.
    ///
    /// - Parameters:
    ///   - tables: The tables.
    ///   - ranges: The ranges of a table, with their proofs.
    /// - Returns: Those of which every proof can stand.
    /// - Throws: ``PostgresError``.
    package func statesHold(
        of tables: [QualifiedName],
        _ ranges: (QualifiedName) -> [ComparedRange]
    ) throws -> Set<QualifiedName> {
        var holding: Set<QualifiedName> = []
        for start in stride(from: 0, to: tables.count, by: Self.tablesAtOnce) {
            let part = Array(tables[start..<min(start + Self.tablesAtOnce, tables.count)])
            let here = try TableState.all(of: part, on: source, identities.source)
            let there = try TableState.all(of: part, on: target, identities.target)
            for table in part {
                guard let ours = here[table], let theirs = there[table] else { continue }
                let proofs = ranges(table).compactMap(\.proof)
                if proofs.allSatisfy({ $0.canStand(source: ours, target: theirs) }) { holding.insert(table) }
            }
        }
        return holding
    }

    /// Turns to other tables or another part of one, with the same snapshots but perhaps in new transactions.
    ///
    /// - Parameter count: The number of tables; if it is too many for the open transactions, new ones begin.
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
