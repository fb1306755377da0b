import Ledger
import Postgres
import Synchronization

/// Objects that could not be built because of their rows; the other builds continue, so that the operator sees all
/// failures at once.
package final class BuildFailures: Sendable {
    /// Locked tables whose objects are retried.
    let postponed = Postponed()
    private let errors = Mutex<[Int: PostgresError]>([:])

    package init() {}

    /// The numbers of what could not be built.
    package var objects: [Int] { errors.withLock { $0.keys.sorted() } }

    func add(_ error: PostgresError, object: Int) {
        errors.withLock { $0[object] = error }
    }

    /// Throws the collected errors, if there are any.
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
