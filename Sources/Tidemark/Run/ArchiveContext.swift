import Archive
import Postgres

/// What the acts on an archive are given.
struct ArchiveContext: Sendable {
    /// The archive's folder.
    let path: String
    let options: MigrationOptions
    let compression: Compression
    /// Whether a generation is read in one snapshot.
    let isConsistent: Bool
    let stop: StopRequest
    let observer: @Sendable (RunEvent) -> Void

    /// The context of a run that restores or verifies a generation.
    func run(from wanted: WantedGeneration, to target: Endpoint) -> RunContext {
        RunContext(origin: .archive(wanted), target: target, options: options, stop: stop, observer: observer)
    }
}
