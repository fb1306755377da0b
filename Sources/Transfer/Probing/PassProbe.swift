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

    /// What a worker does next.
    enum Step: Sendable {
        case read(Part)
        /// The table was read, and lacks rows: those whose keys were written since are looked up on the target.
        case lookUpKeys(TableProbe, TableProbe.Look)
        /// Others are at work, and more may come.
        case wait
    }

    private struct State {
        var open: [Part]
        var lookUps: [(table: TableProbe, whole: TableProbe.Look)] = []
        /// Steps that a worker has taken and not finished.
        var atWork = 0
        var left: [Int: Int]
        var looks: [Int: TableProbe.Look] = [:]
        var marks: [Int: Mark] = [:]
        var results: [Int: [Int: ProbedChunk]] = [:]
        /// Tables that are probed chunk by chunk after all.
        var dropped: Set<Int> = []
    }

    /// Looking up the keys of written rows on the target takes as long as reading the table once more if one row in two hundred
    /// was written.
    private static let (mostLookUps, rowsOfLookUp) = (200_000, 500)

    private let tables: [Int: TableProbe]
    private let state: Mutex<State>

    /// - Parameters:
    ///   - relations: The tables of the pass.
    ///   - chunks: Their chunks.
    ///   - pass: The pass.
    ///   - source: What the source contains now.
    ///   - workers: The number of connections that read.
    ///   - losesRows: Tables, by their numbers, of which so many rows are known to have been deleted or updated since the marks
    ///     that all rows are counted chunk by chunk at once; only a hint.
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

    /// The most keys of a table that are looked up on the target.
    ///
    /// - Parameter chunks: The table's chunks.
    /// - Returns: The number.
    package static func mostLookUps(in chunks: [ChunkEntry]) -> Int {
        min(mostLookUps, chunks.reduce(0) { $0 + $1.rows } / rowsOfLookUp)
    }

    private static func parts(of table: TableProbe) -> [Part] { table.parts.map { Part(table: table, blocks: $0) } }

    /// The number of parts to read.
    package var parts: Int { state.withLock(\.open.count) }

    /// Takes the next step; ``finished()`` ends it.
    ///
    /// - Returns: The step; nil if nothing is left.
    func next() -> Step? {
        state.withLock { state in
            if let (table, whole) = state.lookUps.popLast() {
                state.atWork += 1
                return .lookUpKeys(table, whole)
            }
            if let part = state.open.popLast() {
                state.atWork += 1
                return .read(part)
            }
            return state.atWork > 0 ? .wait : nil
        }
    }

    func finished() { state.withLock { $0.atWork -= 1 } }

    /// Gives a step back that could not be done.
    func giveBack(_ step: Step) {
        state.withLock { state in
            switch step {
            case .read(let part): state.open.append(part)
            case .lookUpKeys(let table, let whole): state.lookUps.append((table, whole))
            case .wait: break
            }
        }
    }

    /// Leaves a table to probes of its single chunks.
    func drop(_ table: TableProbe) {
        let id = table.relation.relationId
        state.withLock { state in
            state.dropped.insert(id)
            state.open.removeAll { $0.table.relation.relationId == id }
            state.lookUps.removeAll { $0.table.relation.relationId == id }
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
            } else if part.table.mayLookUpKeys(whole) {
                state.lookUps.append((part.table, whole))
            } else {
                Self.readAgain(part.table, &state)
            }
        }
    }

    /// Enters how many rows the target holds under keys that were written since.
    func add(_ rewritten: [Int: Int], to whole: TableProbe.Look, of table: TableProbe) {
        state.withLock { state in
            guard !state.dropped.contains(table.relation.relationId) else { return }
            if let result = table.conclude(whole, rewritten: rewritten) {
                state.results[table.relation.relationId] = result
            } else {
                Self.readAgain(table, &state)
            }
        }
    }

    private static func readAgain(_ table: TableProbe, _ state: inout State) {
        let again = table.grouped
        state.left[table.relation.relationId] = again.parts.count
        state.open += parts(of: again)
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
