package import Postgres

/// A verifier's two connections, each reading the snapshot its side is judged by.
package final class VerificationPair {
    package let source: Connection
    package let target: Connection

    /// Opens both connections and imports the snapshots.
    ///
    /// - Parameters:
    ///   - source: The source, and the identifier of a snapshot exported there.
    ///   - target: The target, and the identifier of a snapshot exported there.
    ///   - purpose: What `pg_stat_activity` shows.
    ///   - interrupter: Cancels both.
    /// - Throws: ``PostgresError``.
    package init(
        source: (endpoint: Endpoint, snapshot: String),
        target: (endpoint: Endpoint, snapshot: String),
        purpose: String,
        interrupter: Interrupter
    ) throws {
        func open(_ side: (endpoint: Endpoint, snapshot: String)) throws -> Connection {
            let connection = try Connection(to: side.endpoint, purpose: purpose, interrupter: interrupter)
            try connection.execute(Connection.TransactionMode.snapshot.begin)
            try connection.execute("SET TRANSACTION SNAPSHOT \(literal: side.snapshot)")
            return connection
        }
        self.source = try open(source)
        self.target = try open(target)
    }
}
