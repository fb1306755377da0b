package import Catalog
package import Ledger
import Planning
import Postgres
import Synchronization

/// The probes of all tables of a pass that reads one snapshot; worked off by all workers, then asked for each chunk.
package final class PassProbe: Sendable {
    struct Part: Sendable {
        let table: TableProbe
        let blocks: BlockRange
    }

    private struct State {
        var open: [Part]
        var left: [Int: Int]
        var looks: [Int: TableProbe.Look] = [:]
        var marks: [Int: Mark] = [:]
        var results: [Int: [Int: ProbedChunk]] = [:]
        /// Tables that are probed chunk by chunk after all.
        var dropped: Set<Int> = []
    }

    private let tables: [Int: TableProbe]
    private let state: Mutex<State>

    /// - Parameters:
    ///   - relations: The tables of the pass.
    ///   - chunks: Their chunks.
    ///   - pass: The pass.
    ///   - source: What the source contains now.
    ///   - workers: The number of connections that read.
    ///   - losesRows: Tables, by their numbers, known to have lost rows since the marks; only a hint.
    package init(
        _ relations: [RelationEntry],
        _ chunks: [ChunkEntry],
        dueIn pass: Int,
        on source: DatabaseCatalog,
        workers: Int,
        losesRows: Set<Int>
    ) {
        let ofTable = Dictionary(grouping: chunks, by: \.relationId)
        let probes = relations.compactMap { relation in
            TableProbe(
                of: relation,
                ofTable[relation.relationId] ?? [],
                dueIn: pass,
                on: source,
                workers: workers,
                losesRows: losesRows.contains(relation.relationId)
            )
        }
        tables = Dictionary(uniqueKeysWithValues: probes.map { ($0.relation.relationId, $0) })
        let parts = probes.sorted { $0.parts.count > $1.parts.count }.flatMap(Self.parts)
        state = Mutex(State(open: parts.reversed(), left: tables.mapValues(\.parts.count)))
    }

    private static func parts(of table: TableProbe) -> [Part] { table.parts.map { Part(table: table, blocks: $0) } }

    /// The number of parts to read.
    package var parts: Int { state.withLock(\.open.count) }

    func next() -> Part? { state.withLock { $0.open.popLast() } }

    /// Gives a part back that could not be read.
    func giveBack(_ part: Part) { state.withLock { $0.open.append(part) } }

    /// Leaves a table to probes of its single chunks.
    func drop(_ table: TableProbe) {
        let id = table.relation.relationId
        state.withLock { state in
            state.dropped.insert(id)
            state.open.removeAll { $0.table.relation.relationId == id }
        }
    }

    /// Enters what a part holds.
    ///
    /// - Parameters:
    ///   - look: What it holds.
    ///   - part: The part.
    ///   - mark: The mark of rows read in this snapshot.
    func add(_ look: TableProbe.Look, of part: Part, at mark: Mark) {
        let id = part.table.relation.relationId
        state.withLock { state in
            guard !state.dropped.contains(id), let left = state.left[id] else { return }
            state.looks[id, default: TableProbe.Look()].add(look)
            state.marks[id] = mark
            state.left[id] = left - 1
            guard left == 1, let whole = state.looks.removeValue(forKey: id) else { return }
            if let result = part.table.conclude(whole) {
                state.results[id] = result
            } else {
                let again = part.table.grouped
                state.left[id] = again.parts.count
                state.open += Self.parts(of: again)
            }
        }
    }

    /// What was found of a chunk; nil if its table was not probed.
    func found(_ chunk: ChunkEntry) -> ProbedChunk? {
        state.withLock { $0.results[chunk.relationId]?[chunk.chunkNumber] }
    }

    /// The chunks that have not changed since their marks, with the marks they get.
    ///
    /// - Parameter pass: The pass that is due.
    /// - Returns: What the ledger records about them.
    package func unchanged(in pass: Int) -> [Ledger.Completion] {
        state.withLock { state in
            state.results.flatMap { id, found -> [Ledger.Completion] in
                guard let mark = state.marks[id] else { return [] }
                return (tables[id]?.chunks ?? []).compactMap { chunk in
                    guard let probed = found[chunk.chunkNumber], probed.written == 0, probed.untouched == chunk.rows
                    else { return nil }
                    return Ledger.Completion(unchanged: chunk, at: mark, pass: pass)
                }
            }
        }
    }
}
