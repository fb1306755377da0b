import CLibpq
import Glibc

/// Waits for a server that is briefly unavailable: restarting, failing over, or unreachable.
extension Connection {
    /// How long to try a server that this call has reached before.
    private static let patience = Duration.seconds(60)
    private static let microsecondsBetweenAttempts: UInt32 = 250_000
    /// How often a server that accepts connections may refuse one: it may have only just started.
    private static let refusals = 3

    /// Connects, trying for a minute if this call has reached the server before.
    ///
    /// - Throws: ``PostgresError`` with `.connectionFailed`, at once if this call has never reached the server; with
    ///   `.cancelled` if the work was stopped meanwhile.
    static func connectPatiently(
        _ endpoint: Endpoint,
        purpose: String,
        _ interrupter: Interrupter
    ) throws -> OpaquePointer {
        var refused = 0
        while true {
            do {
                let connection = try connect(endpoint, purpose: purpose)
                endpoint.watch?.endOutage(of: endpoint)
                return connection
            } catch {
                guard let watch = endpoint.watch, watch.with({ $0.hasConnected }), error.sqlState != "53300" else {
                    throw error
                }
                if isTakingConnections(endpoint) { refused += 1 }
                guard refused < refusals else { throw error }
                guard watch.mayTryAgain(after: error, patience: patience) else {
                    var error = error
                    error.hint =
                        "the \(endpoint.side.rawValue) was away for over a minute; "
                        + "when it is back, run the same command again: it resumes from what was committed"
                    throw error
                }
                if interrupter.isInterrupted || watch.stop.isRequested {
                    throw PostgresError(.cancelled, "stopped while the \(endpoint.side.rawValue) could not be reached")
                }
                usleep(microsecondsBetweenAttempts)
            }
        }
    }

    /// Whether the server answers, so that a refused connection has another reason than its absence.
    private static func isTakingConnections(_ endpoint: Endpoint) -> Bool {
        ping([("dbname", endpoint.connectionString), ("connect_timeout", "5")]) == PQPING_OK
    }
}

extension SessionWatch {
    /// Whether there is still time to wait for the server; reports when the waiting begins.
    fileprivate func mayTryAgain(after error: PostgresError, patience: Duration) -> Bool {
        let now = ContinuousClock.now
        let (deadline, isNew) = with { state in
            if let outage = state.outage { return (outage, false) }
            state.outage = now + patience
            return (now + patience, true)
        }
        if isNew {
            let until = Self.clock(secondsFromNow: patience.components.seconds)
            note("the \(side.rawValue) cannot be reached; trying again until \(until): \(error.message)")
        }
        return now < deadline
    }

    fileprivate func endOutage(of endpoint: Endpoint) {
        let wasAway = with { state in
            defer { state.outage = nil }
            return state.outage != nil
        }
        if wasAway { note("the \(side.rawValue) can be reached again") }
    }

    private static func clock(secondsFromNow: Int64) -> String {
        var moment = time(nil) + Int(secondsFromNow)
        var parts = tm()
        gmtime_r(&moment, &parts)
        return [parts.tm_hour, parts.tm_min, parts.tm_sec].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
            + " UTC"
    }
}
