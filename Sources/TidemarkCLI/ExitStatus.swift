import ArgumentParser
import Planning
import Postgres
import Report
import Tidemark

/// The exit codes, all in one table.
enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    case differs = 2
    case notProven = 3
    case stopped = 4
    case usage = 64

    init(_ outcome: RunReport.Outcome) {
        switch outcome {
        case .done, .rehearsed: self = .done
        case .differs: self = .differs
        case .notProven: self = .notProven
        case .stopped: self = .stopped
        case .failed: self = .failed
        }
    }

    /// - Parameters:
    ///   - error: The error that ended the command.
    ///   - isCancelled: Whether the operator cancelled it; any error is then a result of that.
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

/// An error in how the command was called.
struct UsageError: Error, CustomStringConvertible {
    let description: String
}
