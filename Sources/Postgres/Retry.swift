import Glibc

/// Repeats work that ended with a failure that may pass: a lost connection, a deadlock, a full lock table.
package enum Retry {
    private static let attempts = 6
    private static let firstPause: UInt32 = 100_000

    /// Runs `body` until it succeeds, at most six times, each time after twice the pause.
    ///
    /// - Parameters:
    ///   - stop: Once the operator has asked to stop, the failure is thrown.
    ///   - recover: Makes another attempt possible: replaces broken connections, ends transactions.
    ///   - body: The work; it must leave nothing behind when it fails.
    /// - Returns: What `body` returns.
    /// - Throws: ``PostgresError`` of the last attempt or one that does not pass, and what `recover` throws.
    package static func transientFailures<Result>(
        unless stop: StopRequest,
        recover: (PostgresError) throws -> Void,
        _ body: () throws -> Result
    ) throws -> Result {
        for attempt in 0... {
            do {
                return try body()
            } catch let error as PostgresError where error.isTransient && attempt + 1 < attempts && !stop.isRequested {
                usleep(firstPause << UInt32(attempt))
                try recover(error)
            }
        }
        preconditionFailure("the last attempt returns or throws")
    }
}
