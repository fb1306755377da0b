import FoundationEssentials
import Report
import Synchronization

/// Judges after each phase of a cutover whether it can end before its deadline.
final class Timekeeper: Sendable {
    private let deadline: Date
    private let forecast: NightForecast?
    private let note: @Sendable (String) -> Void
    private let state = Mutex(State())

    private struct State {
        var ended: Set<String> = []
        var last: TimeJudgement?
        var saidAt: ContinuousClock.Instant?
    }

    /// The least time between two judgements that say the same.
    private static let interval = Duration.seconds(30)

    /// - Parameters:
    ///   - deadline: When the cutover has to end.
    ///   - forecast: How long it will take; nil: nothing was measured.
    ///   - note: Receives a line when there is something new to say.
    init(deadline: Date, forecast: NightForecast?, _ note: @escaping @Sendable (String) -> Void) {
        self.deadline = deadline
        self.forecast = forecast
        self.note = note
    }

    /// Judges what is left, and says so.
    ///
    /// - Returns: The judgement.
    @discardableResult
    func judge() -> TimeJudgement {
        let (judgement, isNew) = state.withLock { state in
            let judgement = TimeJudgement(left: forecast?.without(state.ended), at: .now, deadline: deadline)
            let isNew =
                state.last?.verdict != judgement.verdict
                || state.saidAt.map { $0.duration(to: .now) > Self.interval } ?? true
            state.last = judgement
            if isNew { state.saidAt = .now }
            return (judgement, isNew)
        }
        if isNew { note(judgement.description) }
        return judgement
    }

    /// Judges again after a phase.
    ///
    /// - Parameter phase: The phase that has ended.
    func ended(_ phase: RunPhase) {
        state.withLock { _ = $0.ended.insert(phase.rawValue) }
        judge()
    }

    /// Stops the run where that does no harm, if it cannot end before the deadline.
    ///
    /// - Throws: ``PastDeadline``.
    func refuseTooLate() throws {
        let judgement = judge()
        if judgement.verdict == .noGo { throw PastDeadline(judgement: judgement) }
    }
}

/// The error when a cutover was stopped because it cannot end before its deadline.
struct PastDeadline: Error, CustomStringConvertible {
    let judgement: TimeJudgement

    var description: String { "stopped where that does no harm: \(judgement.description)" }
}
