import Ledger
import Postgres
import Transfer
import Verification

/// Pairs of connections that read a snapshot on either side, one pair per job.
struct SnapshotPairs: Sendable {
    /// A side and the snapshot in which it is read.
    struct Side: Sendable {
        let endpoint: Endpoint
        let snapshot: SharedSnapshot
        let identity: MarkIdentity
    }

    let source: Side
    let target: Side
    let jobs: Int
    let stop: StopRequest
    let purpose: String

    private var make: @Sendable (Int, Interrupter) throws -> VerificationPair {
        { [purpose, source, target] _, interrupter in
            try VerificationPair(
                source: (source.endpoint, source.snapshot, source.identity),
                target: (target.endpoint, target.snapshot, target.identity),
                purpose: purpose,
                interrupter: interrupter
            )
        }
    }

    /// Runs `body` on one pair.
    func one<Result: Sendable>(_ body: @escaping @Sendable (VerificationPair) throws -> Result) async throws -> Result {
        try await ThreadConfined.with({ [make] in try make(1, $0) }) { try await $0.run(body) }
    }

    /// Runs `body` on all pairs at the same time.
    func all(_ body: @escaping @Sendable (VerificationPair) throws -> Void) async throws {
        try await ThreadConfined.each(jobs, make) { pair, _ in try body(pair) }
        try stop.check()
    }
}
