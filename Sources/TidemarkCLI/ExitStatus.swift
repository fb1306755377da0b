import ArgumentParser
import Ledger
import Planning
import Postgres
import Report
import Tidemark

/// How the process ends: the one table of exit codes.
enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    case differs = 2
    case notProven = 3
    case stopped = 4
    case usage = 64

    init(_ outcome: RunReport.Outcome) {
        switch outcome {
        case .done: self = .done
        case .differs: self = .differs
        case .notProven: self = .notProven
        case .stopped: self = .stopped
        case .failed: self = .failed
        }
    }

    /// - Parameters:
    ///   - error: What ended the command.
    ///   - isCancelled: Whether the operator had it cancelled: whatever it ended with then came of that.
    init(_ error: any Error, isCancelled: Bool) {
        switch error {
        case _ where isCancelled || error.isStop: self = .stopped
        case let error as PlanError where error.code == .usage: self = .usage
        case is UsageError: self = .usage
        default: self = .failed
        }
    }

    var code: ExitCode { ExitCode(rawValue: rawValue) }
}

/// The call itself is wrong.
struct UsageError: Error, CustomStringConvertible {
    let description: String
}
