package import Catalog
package import Ledger
package import Planning
import Postgres
import Synchronization

/// The delta of a table that takes too long to read in one snapshot; worked off by all workers.
///
/// Its file is read in slices, each in a snapshot of its own, and only up to a mark that is taken before the first of them:
///
/// 1. Each slice is looked at: which of the rows that the mark sees were written since the chunks' marks, and how many were not.
/// 2. If the target holds more rows of a chunk than were not written, those that are gone are deleted from it.
/// 3. The written rows are copied, slice by slice.
/// 4. All chunks get the mark.
///
/// A row that the mark sees and that is still there lies where it lay, so no row is missed or read twice. A row and the one that
/// replaced it are never both seen by one mark, so whatever is loaded fits to the rest under every unique key. What was written or
/// deleted later is left to the next pass: the rule of the delta finds it from this mark.
///
/// After each transaction the ledger says how many rows the target holds, and the chunks have their old marks until the end. So a
/// pass that is broken off leaves nothing that the next one would have to know.
package final class DeltaSlices: Sendable {
    struct Slice: Sendable {
        let blocks: BlockRange
        let look: TableProbe.Look
    }

    private struct State {
        var unread: [BlockRange]
        var read: [Slice] = []
        var toLoad: [Slice] = []
        var placesLeft = DeltaSlices.mostPlaces
        var outcome: Outcome?
        /// What was done to each chunk, by its number.
        var changes: [Int: ChunkChange] = [:]
        /// How long it took, the sum over all workers.
        var duration = Duration.zero
    }

    /// Why the table's delta was not copied in slices.
    package enum Outcome: Sendable {
        /// Its rows have to be found another way.
        case void(String)
        /// Another session has the table locked.
        case locked(String)
    }

    /// What was done to one chunk on the target.
    struct ChunkChange: Sendable {
        var copied = CopyCount.zero
        var removed = 0
    }

    /// Places of written rows that are remembered; the slices of all further ones are read once more.
    private static let mostPlaces = 4_000_000

    let probe: TableProbe
    let mark: Mark
    private let state: Mutex<State>

    /// Returns nil if the table has to be read another way.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - chunks: All its chunks.
    ///   - pass: The pass that is due.
    ///   - source: What the source contains now.
    ///   - mark: A mark of the table, taken before this.
    ///   - bytes: The size of a slice.
    package init?(
        of relation: RelationEntry,
        _ chunks: [ChunkEntry],
        dueIn pass: Int,
        on source: DatabaseCatalog,
        upTo mark: Mark,
        inEach bytes: Int
    ) {
        guard
            let probe = TableProbe(of: relation, chunks, dueIn: pass, on: source, workers: 1, losesRows: true),
            probe.applies(at: mark),
            let sliced = probe.sliced(at: mark, inEach: max(1, bytes / BlockRange.blockBytes))
        else { return nil }
        self.probe = sliced
        self.mark = mark
        state = Mutex(State(unread: sliced.parts.reversed()))
    }

    var relation: RelationEntry { probe.relation }

    /// Why it could not be copied in slices; nil: nothing is known against it.
    package var outcome: Outcome? { state.withLock(\.outcome) }

    func end(_ outcome: Outcome) { state.withLock { $0.outcome = $0.outcome ?? outcome } }

    /// The next slice to look at; nil if none is left.
    func nextToRead() -> BlockRange? { state.withLock { $0.outcome == nil ? $0.unread.popLast() : nil } }

    /// The next slice of which rows are to be loaded; nil if none is left.
    func nextToLoad() -> Slice? { state.withLock { $0.outcome == nil ? $0.toLoad.popLast() : nil } }

    /// Enters what a slice holds.
    func add(_ look: TableProbe.Look, of blocks: BlockRange) {
        state.withLock { state in
            var look = look
            let written = look.written
            if written <= state.placesLeft { state.placesLeft -= written } else { look.forgetPlaces() }
            let slice = Slice(blocks: blocks, look: look)
            state.read.append(slice)
            if written > 0 { state.toLoad.append(slice) }
        }
    }

    /// All slices that were looked at.
    var slices: [Slice] { state.withLock(\.read) }

    /// The chunks of which rows in a slice were written, by their positions, with their old marks and what was found.
    func written(in slice: Slice) -> [(position: Int, since: Mark, found: ProbedChunk)] {
        slice.look.chunks.compactMap { position, found in
            guard found.written > 0, let mark = probe.chunks[position].mark else { return nil }
            return (position, mark, found)
        }
    }

    /// What all slices together hold of each chunk, by its number; nil if they were not all looked at.
    ///
    /// What is missing there would count as deleted on the source.
    var found: [Int: ProbedChunk]? {
        guard outcome == nil else { return nil }
        var whole = TableProbe.Look()
        for slice in slices { whole.add(slice.look) }
        return probe.conclude(whole)
    }

    func note(_ change: ChunkChange, of chunk: Int) {
        state.withLock { state in
            var sum = state.changes[chunk] ?? ChunkChange()
            sum.copied = sum.copied + change.copied
            sum.removed += change.removed
            state.changes[chunk] = sum
        }
    }

    /// Enters how long a step took that one worker has done.
    func note(_ duration: Duration) { state.withLock { $0.duration += duration } }

    /// The number of slices, and how long everything took, the sum over all workers.
    package var effort: (slices: Int, duration: Duration) { state.withLock { ($0.read.count, $0.duration) } }

    /// What was done to a chunk in all slices.
    ///
    /// - Parameter chunk: The chunk.
    /// - Returns: The outcome.
    package func outcome(of chunk: ChunkEntry) -> ChunkOutcome {
        let change = state.withLock { $0.changes[chunk.chunkNumber] } ?? ChunkChange()
        let isUnchanged = change.copied.rows == 0 && change.removed == 0
        return ChunkOutcome(kind: isUnchanged ? .unchanged : .delta, copied: change.copied, removed: change.removed)
    }
}
