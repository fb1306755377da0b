import Ledger
import Postgres
import Report
import Synchronization

/// Whether the rows of a stage are at rest, on a source that serves others meanwhile.
///
/// The operator has closed the application for the stage's customers when the cutover begins. Transactions of before that may
/// still be at work: the snapshot is taken after they have ended. What was written to the stage's rows afterwards is found by
/// their versions (``RowVersions``), whoever else writes to the same tables.
final class StageQuiet: Sendable {
    private let watch: Watch
    private let patience: Duration
    /// What is known of the transactions that had written when the cutover began.
    private struct Earlier {
        /// Those that have not ended yet; nil: they were not looked for yet.
        var open: Set<ServerText>?
        /// Whether the next snapshot is one in which all of them have ended.
        var areOver = false
    }

    private let earlier = Mutex(Earlier())
    /// The transactions of before that did not end in time.
    private let older = Mutex<[OpenTransaction]>([])

    /// - Parameters:
    ///   - session: The session of the run.
    ///   - patience: How long to wait for transactions of before.
    init(_ session: Session, patience: Duration) {
        watch = Watch(session, readableBytes: .max)
        self.patience = patience
    }

    /// Returns a check for whether all transactions of before have ended in a snapshot.
    ///
    /// - Parameter note: Receives a line about each wait.
    /// - Returns: A closure that waits a moment before it returns false.
    func settled(_ note: @escaping @Sendable (String) -> Void) -> (ThreadConfined<Connection>) async throws -> Bool {
        var waiting = Waiting(patience: patience, note)
        return { [self] holder in
            if earlier.withLock(\.areOver) { return true }
            // This snapshot may be older than what is seen here, so only the next one can be good.
            let now = try await holder.run { try WritingTransactions.open(on: $0) }
            let isOver = earlier.withLock { earlier in
                earlier.open = earlier.open?.intersection(now) ?? now
                earlier.areOver = earlier.open?.isEmpty == true
                return earlier.areOver
            }
            guard !isOver else { return false }
            let writers = try await holder.run { try self.watch.writers($0) }
            let names = writers.isEmpty ? "" : ": " + writers.prefix(5).map(\.description).joined(separator: ", ")
            if try await waiting.goesOn("waiting until transactions of before the cutover end\(names)") { return false }
            older.withLock { $0 = writers }
            return true
        }
    }

    /// Fails if rows of the stage were written since the snapshot.
    ///
    /// - Parameters:
    ///   - holder: The connection that holds the snapshot.
    ///   - source: The source.
    /// - Throws: ``SourceInUse``, ``PostgresError``.
    func look(heldBy holder: ThreadConfined<Connection>, on source: Endpoint) async throws {
        let older = older.withLock(\.self)
        let tables = try await written(heldBy: holder, on: source)
        guard older.isEmpty, tables.isEmpty else {
            throw SourceInUse(late: LateWrites(transactions: older, tables: tables))
        }
    }

    /// What the verdict says.
    ///
    /// - Parameters:
    ///   - holder: The connection that holds the snapshot.
    ///   - source: The source.
    /// - Returns: Whether the stage's rows were at rest.
    /// - Throws: ``PostgresError``.
    func evidence(heldBy holder: ThreadConfined<Connection>, on source: Endpoint) async throws -> Quiet {
        if let open = Watch.description(of: older.withLock(\.self)) {
            return Quiet(isProven: false, description: "when the last snapshot was taken, \(open)")
        }
        let tables = try await written(heldBy: holder, on: source)
        guard tables.isEmpty else {
            return Quiet(
                isProven: false,
                description:
                    "rows of this stage were written on the source after the last snapshot, and the target lacks what was written to "
                    + tables.joined(separator: ", ")
            )
        }
        return Quiet(
            isProven: true,
            description:
                "no row of this stage was written on the source after the last snapshot (row versions), which was taken after all "
                + "transactions of before the cutover had ended; the source may serve others"
        )
    }

    private func written(heldBy holder: ThreadConfined<Connection>, on source: Endpoint) async throws -> [String] {
        try await ThreadConfined.with(source, purpose: "\(watch.session) quiet") { connection in
            try await self.watch.firstRewritten(among: self.watch.tables, heldBy: holder, on: connection)
                .map { [$0.visible] } ?? []
        }
    }
}
