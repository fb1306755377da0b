import Ledger
import Postgres

/// The error when the work stopped on request: every step is either committed or was not begun.
public struct Stopped: Error, CustomStringConvertible {
    /// Creates the error.
    public init() {}

    /// The message for the operator.
    public var description: String { "stopped on request; nothing was verified: run the same command again" }
}

extension Error {
    /// Whether the error only means that the operator stopped or cancelled the work.
    public var isStop: Bool {
        self is Stopped || self is CancellationError || (self as? PostgresError)?.code == .cancelled
    }
}

extension StopRequest {
    /// Throws ``Stopped`` if a stop was requested; everything done so far is committed.
    func check() throws {
        if isRequested { throw Stopped() }
    }
}
