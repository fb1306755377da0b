import Ledger
import Planning
import Synchronization

/// How fast the source is read, so that its transactions stay short: what would take longer than the limit is cut first.
///
/// The first chunk of each table shows how fast it is.
package final class Pace: Sendable {
    private struct State {
        /// Into how many parts a chunk of a table has to be cut, by the table's number.
        var parts: [Int: Int] = [:]
        /// The chunks that are parts already.
        var cut: Set<[Int]> = []
        /// The most blocks of a slice, by the table's number.
        var blocks: [Int: Int] = [:]
    }

    /// A slow disk: what it reads in the longest time may be read in one snapshot.
    private static let slowestBytesPerSecond = 20 << 20

    private static let mostParts = 256.0

    private let longest: Duration
    private let state = Mutex(State())

    /// - Parameter longest: The longest time that reading a chunk may take.
    package init(longest: Duration) {
        self.longest = longest
    }

    /// The size of a table that may be read in one snapshot, in bytes.
    package var bytesInTime: Int { Int(longest / .seconds(1) * Double(Self.slowestBytesPerSecond)) }

    /// Records how long a chunk took.
    func note(_ chunk: ChunkEntry, _ duration: Duration) {
        state.withLock { state in
            let parts = chunk.isPart || state.cut.contains(Self.name(chunk)) ? state.parts[chunk.relationId] ?? 1 : 1
            // Where each transaction takes longer than the limit, however little it reads, no number of parts would do.
            let needed = Int(min((duration * parts / longest).rounded(.up), Self.mostParts))
            state.parts[chunk.relationId] = max(state.parts[chunk.relationId] ?? 1, needed)
        }
    }

    /// Into how many parts a chunk has to be cut before it is read; 1: it is short enough.
    func parts(of chunk: ChunkEntry) -> Int {
        chunk.isPart ? 1 : state.withLock { $0.cut.contains(Self.name(chunk)) ? 1 : $0.parts[chunk.relationId] ?? 1 }
    }

    /// Records that chunks are parts of one that was cut.
    func noteParts(_ numbers: [Int], of relation: Int) {
        state.withLock { $0.cut.formUnion(numbers.map { [relation, $0] }) }
    }

    private static func name(_ chunk: ChunkEntry) -> [Int] { [chunk.relationId, chunk.chunkNumber] }

    /// Records how long a slice took.
    func note(_ slice: SliceEntry, _ duration: Duration) {
        guard let blocks = slice.blocks.count, duration > longest else { return }
        let most = max(1, Int(Double(blocks) * (longest / duration)))
        state.withLock { $0.blocks[slice.relationId] = min($0.blocks[slice.relationId] ?? most, most) }
    }

    /// The most blocks that a slice may have; nil: as many as it has.
    func blocks(of slice: SliceEntry) -> Int? {
        guard let blocks = slice.blocks.count, let most = state.withLock({ $0.blocks[slice.relationId] }) else {
            return nil
        }
        return blocks > most ? most : nil
    }
}
