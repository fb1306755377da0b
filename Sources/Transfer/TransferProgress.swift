package import Ledger
package import Postgres
import Synchronization

/// What has been moved so far: counted by all workers, read by the progress display.
package final class TransferProgress: Sendable {
    private let state = Mutex(MovedCounts())
    /// What worker processes have moved.
    private let others = Mutex(MovedCounts())
    /// How many workers are at each table now.
    private let tables = Mutex<[QualifiedName: Int]>([:])
    private let say: @Sendable (String) -> Void
    /// How fast rows may be copied.
    package let throttle: Throttle

    /// - Parameters:
    ///   - throttle: How fast rows may be copied.
    ///   - say: Called with messages for the operator.
    package init(throttle: Throttle = Throttle(bytesPerSecond: nil), say: @escaping @Sendable (String) -> Void) {
        self.throttle = throttle
        self.say = say
    }

    /// What was moved by all, also by worker processes.
    package var counts: MovedCounts { state.withLock { $0 } + others.withLock { $0 } }

    /// Sets what worker processes have moved so far, since the work was begun again.
    package func setOthers(_ counts: MovedCounts) { others.withLock { $0 = counts } }

    /// Keeps what worker processes have moved when the work is begun again.
    private func keepOthers() {
        let counts = others.withLock { others in
            defer { others = MovedCounts() }
            return others
        }
        state.withLock { $0 = $0 + counts }
    }

    /// The tables that workers are at now.
    package var tablesAtWork: [QualifiedName] { tables.withLock { $0.keys.sorted() } }

    /// Names a table as being worked on while `body` runs.
    func working<Result>(on table: QualifiedName, _ body: () throws -> Result) rethrows -> Result {
        tables.withLock { $0[table, default: 0] += 1 }
        defer {
            tables.withLock { tables in
                let left = (tables[table] ?? 1) - 1
                tables[table] = left > 0 ? left : nil
            }
        }
        return try body()
    }

    /// Counts bytes that are copied, and waits if that is too fast.
    package func addBytes(_ bytes: Int) {
        state.withLock { $0.bytes += bytes }
        throttle.pay(for: bytes)
    }

    package func finishChunk(_ outcome: ChunkOutcome) {
        state.withLock { counts in
            counts.chunks += 1
            counts.rows += outcome.copied.rows
            counts.removedRows += outcome.removed
            if outcome.kind == .reconciled { counts.reconciledChunks += 1 }
            if outcome.kind == .unchanged { counts.unchangedChunks += 1 }
        }
    }

    /// Counts chunks that have not changed.
    package func finishUnchanged(_ chunks: Int) {
        state.withLock { counts in
            counts.chunks += chunks
            counts.unchangedChunks += chunks
        }
    }

    package func finishLargeObjects(copied: Int, removed: Int) {
        state.withLock { counts in
            counts.largeObjects += copied
            counts.removedLargeObjects += removed
        }
    }

    func countRetry(_ error: PostgresError) {
        state.withLock { $0.retries += 1 }
        // The hint is for an error that ends the command.
        var error = error
        error.hint = nil
        say("trying again: \(error)")
    }

    /// Counts a restart of the work.
    package func countRetry() {
        keepOthers()
        state.withLock { $0.retries += 1 }
    }

    package func note(_ message: String) {
        say(message)
    }
}
