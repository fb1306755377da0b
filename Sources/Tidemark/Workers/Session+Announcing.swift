import Ledger
import Postgres

extension Session {
    /// How long to wait before looking again for what worker processes have left.
    private static let pause = Duration.milliseconds(100)

    /// Announces work, and repeats it until nothing is left, neither here nor with worker processes.
    ///
    /// - Parameters:
    ///   - work: The work.
    ///   - failed: What cannot be done: see `Ledger.withdrawIfOver`.
    ///   - body: Works until nothing is left to claim.
    /// - Throws: What `body` throws, ``PostgresError``, ``LedgerError``.
    func announcing(
        _ work: AnnouncedWork,
        without failed: @escaping @Sendable () -> [Int] = { [] },
        _ body: () async throws -> Void
    ) async throws {
        try await ledger { try $0.announce(work) }
        do {
            try await body()
            while try await !ledger({ try $0.withdrawIfOver(work.task, without: failed()) }) {
                try context.stop.check()
                try await Task.sleep(for: Self.pause)
                // What a lost worker process had claimed can be claimed again.
                try await body()
            }
        } catch {
            // The first error is the one to report. If the target is gone, the announcement is void once the run is taken over.
            // In a task of its own, because this one may be cancelled: nothing more must be claimed then. Where another part of the call
            // has failed, it begins again, and what workers have begun is worth waiting for.
            let (isCancelled, stop) = (Flag(), context.stop)
            await withTaskCancellationHandler {
                await Task { try? await withdraw(work.task.kind, unless: isCancelled) }.value
            } onCancel: {
                if stop.isRequested { isCancelled.raise() }
            }
            throw error
        }
    }

    /// Ends what is announced; waits until worker processes have committed what they have of it.
    ///
    /// A call that is cancelled after a request to stop does not wait for what they are doing, such as an index build of hours. The next client ends their
    /// sessions.
    private func withdraw(_ kind: AnnouncedWork.Kind, unless isCancelled: Flag) async throws {
        try await ledger { try $0.close(kind) }
        // The connection is free in between: sessions of a worker that stands still are ended by it.
        while try await !ledger({ try $0.withdraw(kind) }), !isCancelled.isRaised {
            try await Task.sleep(for: Self.pause)
        }
    }
}
