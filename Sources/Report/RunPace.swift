package import Ledger

/// How fast the call that is at work may copy, as an operator has set it from elsewhere.
public struct RunPace: Sendable {
    /// Bytes a second; 0: no limit; nil: what the call was given.
    public let maxRate: Int?
    /// Chunks copied at the same time; nil: what the call was given.
    public let jobs: Int?
    /// Whether it pauses between two chunks.
    public let isPaused: Bool

    package init(_ throttle: RunThrottle) {
        maxRate = throttle.maxRate
        jobs = throttle.jobs
        isPaused = throttle.isPaused
    }

    /// The setting in words.
    public var text: String {
        let rate =
            switch maxRate {
            case nil: "at the rate it was called with"
            case 0: "without a limit"
            case let rate?: "at most \(Quantity.bytes(rate)) a second"
            }
        let jobs = jobs.map { ", \(Quantity.count($0, "chunk")) at the same time" } ?? ""
        return "The call that is at work copies \(rate)\(jobs)\(isPaused ? ", and is paused." : ".")"
    }
}
