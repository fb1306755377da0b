import Postgres
import Report

/// The look at the source after the delta, right before the first step that would have to be taken back later.
///
/// Up to here the target has only received rows, and another cutover simply goes on. Afterwards it would have to take off what
/// was built. So a transaction that may still commit, or rows known to be written since the snapshot, stop the cutover here.
/// What is only unknown does not: a session may hold back its counts, and the verdict says so in the end.
struct LastLook: Sendable {
    let watch: Watch
    /// The counters from before the snapshot.
    let before: QuietBaseline
    let snapshot: Snapshot
    /// How long to wait for open transactions.
    let patience: Duration

    /// Looks, and waits for transactions that have written.
    ///
    /// - Parameters:
    ///   - holder: The connection that holds the snapshot.
    ///   - source: The source.
    ///   - note: Receives a line about each wait.
    /// - Throws: ``SourceInUse``, ``PostgresError``.
    func look(
        heldBy holder: ThreadConfined<Connection>,
        on source: Endpoint,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws {
        let late = try await ThreadConfined.with(source, purpose: "\(watch.session) last look") { connection in
            let open = try await watch.waitForWriters(connection, patience: patience, note)
            let ids = try await connection.run { [snapshot] in try TransactionIds(since: snapshot, on: $0) }
            let tables =
                ids.nothingCommitted == nil
                ? try await watch.knownWritten(since: before, heldBy: holder, on: connection, note) : []
            return LateWrites(transactions: open, tables: tables.map(\.visible))
        }
        guard late.transactions.isEmpty, late.tables.isEmpty else { throw SourceInUse(late: late) }
    }
}

/// The error when the source is written, or may be, before anything was built.
struct SourceInUse: Error, CustomStringConvertible {
    let late: LateWrites

    var description: String { late.reasons.joined(separator: "; ") }
}
