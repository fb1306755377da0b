package import FoundationEssentials

/// Whether a cutover can end before its deadline.
package struct TimeJudgement: Sendable {
    /// The answer.
    package enum Verdict: String, Sendable {
        /// It ends in time.
        case go = "GO"
        /// It may end in time: the deadline is between the shortest and the longest forecast.
        case tight = "TIGHT"
        /// It cannot end in time, even by the shortest forecast.
        case noGo = "NO-GO"
    }

    package let verdict: Verdict
    /// The answer with its reasons, in one line.
    package let description: String

    /// Judges.
    ///
    /// - Parameters:
    ///   - left: What is left to do; nil: unknown.
    ///   - now: The time of the judgement.
    ///   - deadline: When everything has to be done.
    package init(left: NightForecast?, at now: Date, deadline: Date) {
        let remaining = deadline.timeIntervalSince(now)
        let end = LocalTime.text(deadline)
        guard remaining > 0 else {
            verdict = .noGo
            description = "NO-GO: the deadline \(end) has passed"
            return
        }
        let time = "the deadline \(end) is in \(Quantity.seconds(remaining))"
        guard let left else {
            verdict = .tight
            description = "TIGHT: nothing was measured by which the rest can be forecast; \(time)"
            return
        }
        verdict = left.least > remaining ? .noGo : left.most > remaining ? .tight : .go
        let rest = "the rest takes \(Quantity.range(left.least, left.most)), \(time)"
        // Turning back takes no time of its own: the source was only read.
        let last = LocalTime.text(deadline.addingTimeInterval(-left.least))
        description = "\(verdict.rawValue): \(rest)" + (verdict == .noGo ? "" : "; last moment to turn back: \(last)")
    }
}
