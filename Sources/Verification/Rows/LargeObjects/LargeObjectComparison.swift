package import Catalog
package import Planning
package import Postgres
import Synchronization

/// Compares the large objects of two servers: which exist, their content, owners, privileges and comments.
package final class LargeObjectComparison: Sendable {
    private struct State {
        var open: [LargeObjectRange]
        var result: VerificationResult
        var sourceCount = 0
        var targetCount = 0
    }

    private let state: Mutex<State>
    private let scope: Scope
    private let stop: StopRequest

    /// - Parameters:
    ///   - ranges: The ranges of oids to compare.
    ///   - scope: What was to be copied.
    ///   - stop: Asked between two ranges; a request ends the work.
    package init(_ ranges: [LargeObjectRange], scope: Scope, stop: StopRequest) {
        state = Mutex(State(open: ranges, result: VerificationResult(method: "sha256 of large objects")))
        self.scope = scope
        self.stop = stop
    }

    /// Compares ranges until none is left.
    ///
    /// - Parameter pair: The connections to use.
    /// - Throws: ``PostgresError``.
    package func compare(with pair: VerificationPair) throws {
        while !stop.isRequested, let range = state.withLock({ $0.open.popLast() }) {
            try during("comparing \(range)") {
                guard let ours = try read(range, on: pair.source), let theirs = try read(range, on: pair.target) else {
                    return
                }
                let differences = LargeObjectDifferences(source: ours, target: theirs, in: scope)
                state.withLock { state in
                    state.sourceCount += ours.objects.count
                    state.targetCount += theirs.objects.count
                    state.result.findings += differences.findings
                }
            }
        }
    }

    /// Returns the result, once all ranges are compared.
    package func result() -> VerificationResult {
        state.withLock { state in
            var result = state.result
            result.examined = [
                VerificationResult.Examined(kind: "large object", source: state.sourceCount, target: state.targetCount)
            ]
            return result
        }
    }

    private func read(_ range: LargeObjectRange, on connection: Connection) throws -> LargeObjectReader.Side? {
        try LargeObjectReader.compared.read(range, on: connection) { error in
            state.withLock { $0.result.notProven.append("\(range) could not be read: \(error)") }
        }
    }
}
