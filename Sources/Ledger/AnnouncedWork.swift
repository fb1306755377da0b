package import Postgres

/// What workers do now: a stage of the chunks, and the snapshot in which they read the source.
package struct AnnouncedWork: Sendable, Hashable {
    package let stage: ChunkStage
    /// The snapshot that everything is read in; nil: each chunk is read in its own.
    package let snapshot: SharedSnapshot?
    /// Whether the tables already have their triggers, which must not fire for copied rows.
    package let keepsTriggersOff: Bool

    package init(_ stage: ChunkStage, in snapshot: SharedSnapshot?, keepsTriggersOff: Bool) {
        self.stage = stage
        self.snapshot = snapshot
        self.keepsTriggersOff = keepsTriggersOff
    }
}
