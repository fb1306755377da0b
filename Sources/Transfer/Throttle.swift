import Glibc
import Postgres
import Synchronization

/// How fast rows may be copied: a rate for all workers together, how many of them work, and pauses.
///
/// All of it may change while they work.
package final class Throttle: Sendable {
    private struct State {
        var bytesPerSecond: Int?
        var isPaused = false
        /// Whether the servers are too busy.
        var isBackedOff = false
        /// How many workers may work.
        var workers = Int.max
        /// When the bytes that were copied so far will have been paid for.
        var paidUntil = ContinuousClock.now
    }

    /// A worker that waits looks again after this time, because rate and pause may have changed.
    private static let longestSleep = Duration.milliseconds(200)

    private let state: Mutex<State>

    /// - Parameter bytesPerSecond: The rate; nil: none.
    package init(bytesPerSecond: Int?) {
        state = Mutex(State(bytesPerSecond: bytesPerSecond))
    }

    /// Changes rate, number of workers and pause.
    package func set(bytesPerSecond: Int?, workers: Int?, isPaused: Bool) {
        state.withLock { state in
            // What is owed at the old rate is forgotten.
            if state.bytesPerSecond != bytesPerSecond { state.paidUntil = .now }
            state.bytesPerSecond = bytesPerSecond
            state.isPaused = isPaused
            state.workers = max(1, workers ?? Int.max)
        }
    }

    package var isPaused: Bool { state.withLock(\.isPaused) }

    /// Whether nothing may be copied now, because an operator paused the work or the servers are too busy.
    package var isHeld: Bool { state.withLock { $0.isPaused || $0.isBackedOff } }

    /// Waits until bytes may be copied at this rate; blocks the calling thread, which copies nothing else.
    func pay(for bytes: Int) {
        let owed = state.withLock { state -> ContinuousClock.Instant? in
            guard let rate = state.bytesPerSecond, rate > 0 else { return nil }
            state.paidUntil = max(state.paidUntil, .now) + .seconds(1) * bytes / rate
            return state.paidUntil
        }
        guard let owed else { return }
        while true {
            let left = ContinuousClock.now.duration(to: owed)
            guard left > .zero, state.withLock({ $0.paidUntil >= owed }) else { return }
            Self.sleep(min(left, Self.longestSleep))
        }
    }

    /// Pauses all workers while the servers are too busy, besides what an operator sets.
    package func backOff(_ isBackedOff: Bool) { state.withLock { $0.isBackedOff = isBackedOff } }

    /// Whether a worker, by its number from 1, may work now.
    func lets(_ worker: Int) -> Bool {
        state.withLock { !$0.isPaused && !$0.isBackedOff && worker <= $0.workers }
    }

    /// Waits until a worker may work.
    ///
    /// - Parameters:
    ///   - worker: Its number, from 1.
    ///   - isOver: Ends the waiting.
    package func wait(for worker: Int, unless isOver: () -> Bool) {
        while !lets(worker), !isOver() { Self.sleep(Self.longestSleep) }
    }

    private static func sleep(_ duration: Duration) {
        usleep(UInt32(duration / .microseconds(1)))
    }
}
