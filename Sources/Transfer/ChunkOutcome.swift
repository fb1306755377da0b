package import Ledger
package import Postgres

/// The outcome of one chunk.
package struct ChunkOutcome: Sendable {
    package enum Kind: String, Sendable {
        case base, delta, shed, unchanged, whole
        /// No valid mark existed, so both sides were compared.
        case reconciled
    }

    package let kind: Kind
    package let copied: CopyCount
    package let removed: Int

    init(kind: Kind, copied: CopyCount, removed: Int) {
        self.kind = kind
        self.copied = copied
        self.removed = removed
    }

    /// The outcome of a chunk whose base is complete.
    package init(baseOf chunk: ChunkEntry) {
        self.init(kind: .base, copied: CopyCount(rows: chunk.rows, bytes: chunk.bytes), removed: 0)
    }
}
