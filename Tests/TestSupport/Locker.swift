package import Postgres
import Synchronization

/// Another session that holds a lock; any thread may take and release it.
package final class Locker: Sendable {
    private let connection: Mutex<Connection>
    /// The process id of the session's backend.
    package let pid: Int

    /// - Parameter database: The database in which the lock is taken.
    /// - Throws: ``PostgresError``.
    package init(_ database: TestDatabase) throws {
        let session = try Connection(to: database.endpoint, purpose: "somebody else", interrupter: Interrupter())
        pid = try session.queryOne("SELECT pg_catalog.pg_backend_pid() AS pid").integer("pid")
        connection = Mutex(session)
    }

    /// Begins a transaction with a statement that takes a lock.
    package func lock(_ statement: SQL) {
        connection.withLock { _ = try? $0.execute("BEGIN; \(statement)") }
    }

    package func release() { connection.withLock { $0.rollBack() } }
}
