import Planning
import Postgres

/// What every part of a run is given: where it reads and writes, what was decided, and who follows it.
///
/// The public face (``Migration``, ``DatabaseArchive``, ``LedgerAdministration``) creates one for each call.
struct RunContext: Sendable {
    let origin: Origin
    /// A watched endpoint, as that of the origin.
    let target: Endpoint
    /// What the operator decided, together with what the ledger remembers of earlier calls.
    var options: MigrationOptions
    let stop: StopRequest
    let observer: @Sendable (RunEvent) -> Void

    /// The servers whose sessions are watched for locks.
    var servers: [Endpoint] { [origin.endpoint, target].compactMap(\.self) }

    /// Reports something that the operator should know.
    func note(_ message: String) { observer(.note(message)) }

    /// Whether the target's role may write rows as a replica does.
    func mayWriteAsReplica(purpose: String) async throws -> Bool {
        do {
            return try await Connection.with(target.asReplica, purpose: purpose) { _ in true }
        } catch let error as PostgresError where error.sqlState == "42501" {
            return false
        }
    }

    /// The same run, which leaves out more.
    func leavingOut(_ omissions: Set<Omission>) -> RunContext {
        var context = self
        context.options.omissions.formUnion(omissions)
        return context
    }
}

extension Endpoint {
    /// The same endpoint, whose sessions are watched for locks and end when the run is stopped.
    func watched(stop: StopRequest, observer: @escaping @Sendable (RunEvent) -> Void) -> Endpoint {
        watched(stop: stop, note: { observer(.note($0)) })
    }
}
