import Archive
import Ledger
import Planning
import Postgres
import Report
import Verification

/// Compares a target with what an archive recorded.
struct VerifyArchived {
    private let archive: ArchiveContext
    private let target: Endpoint
    private let generation: Int?
    private let recorder: RunRecorder

    /// - Parameters:
    ///   - archive: The archive.
    ///   - target: The database that is compared.
    ///   - generation: The generation it should be; nil means the newest.
    init(_ archive: ArchiveContext, _ target: Endpoint, at generation: Int?) {
        self.archive = archive
        self.target = target.watched(stop: archive.stop, observer: archive.observer)
        self.generation = generation
        recorder = RunRecorder("verify", archive, to: self.target)
    }

    func run() async throws -> RunReport {
        try await recorder.recording {
            let wanted = try WantedGeneration(archive.path, until: generation)
            let begun = try await Connection.with(target, purpose: "tidemark verify") { try Ledger.run(on: $0) }
            let omissions = archive.options.omissions.union(wanted.manifest.omissions).union(begun?.omissions ?? [])
            let scope = wanted.scope(omitting: omissions)
            let result = try await ArchiveVerify(
                context: archive.run(from: wanted, to: target),
                recorder: recorder,
                generation: wanted.last,
                recorded: wanted.recorded,
                scope: scope,
                purpose: "tidemark verify",
                triesInserts: archive.options.triesInserts
            ).run().merged(with: OutdatedViews(target: target, scope: scope).result())
            recorder.record(.verified(result))
            return recorder.finish(RunReport.Outcome(result.verdict))
        }
    }
}
