package import Archive
import Ledger
import Postgres

extension ChunkOutcome {
    /// The outcome of a dumped chunk.
    package init(_ chunk: ArchivedChunk) {
        let written = CopyCount(rows: chunk.writtenRows, bytes: chunk.writtenBytes)
        let kind: Kind = chunk.isReplaced ? .base : chunk.isChanged ? .delta : .unchanged
        self.init(kind: kind, copied: written, removed: 0)
    }
}
