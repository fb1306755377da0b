import Ledger
import Postgres
import Synchronization

/// Objects that could not be built for what the rows hold, while the others go on: whoever has to repair rows at night
/// wants to know all of them at once.
package final class BuildFailures: Sendable {
    /// Tables whose objects are come back to.
    let postponed = Postponed()
    private let errors = Mutex<[Int: PostgresError]>([:])

    package init() {}

    var objects: [Int] { errors.withLock { $0.keys.sorted() } }

    func add(_ error: PostgresError, object: Int) {
        errors.withLock { $0[object] = error }
    }

    /// Throws what was collected, if anything was.
    ///
    /// - Throws: ``PostgresError``.
    package func throwIfAny() throws {
        let found = errors.withLock { errors in errors.sorted { $0.key < $1.key }.map(\.value) }
        guard let first = found.first else { return }
        guard found.count > 1 else { throw first }
        throw PostgresError(
            .statementFailed,
            found.map(\.description).joined(separator: "\n"),
            sqlState: first.sqlState
        )
    }
}
