package import Archive
import Ledger
import Postgres

extension ChunkOutcome {
    /// What became of a chunk that was dumped.
    package init(_ chunk: ArchivedChunk) {
        let written = CopyCount(rows: chunk.written?.rows ?? 0, bytes: chunk.written?.contentBytes ?? 0)
        let kind: Kind = chunk.isReplaced ? .base : chunk.written == nil && chunk.keep == nil ? .unchanged : .delta
        self.init(kind: kind, copied: written, removed: 0)
    }
}
