import Catalog
import Ledger
import Planning
package import Postgres
import Synchronization

/// Proves the chunks of tables with scattered keys ahead; worked off by all workers.
package final class ScatteredProofs: Sendable {
    private struct Part: Sendable {
        let table: Int
        let side: Endpoint.Side
        let blocks: BlockRange
    }

    /// What was read of one chunk on one side.
    private struct Found: Equatable {
        var rows = 0
        var sum: Int128 = 0
        var others = 0
    }

    private struct State {
        var open: [Part]
        var left: [Int: Int]
        var found: [Int: [Endpoint.Side: [Int: Found]]] = [:]
    }

    private let tables: [ScatteredTable]
    private let context: ProvingContext
    private let state: Mutex<State>

    /// - Parameters:
    ///   - tables: The tables.
    ///   - context: What all provers share.
    package init(_ tables: [ScatteredTable], _ context: ProvingContext) {
        self.tables = tables
        self.context = context
        let parts = tables.enumerated().flatMap { number, table in
            table.parts.map { Part(table: number, side: $0.side, blocks: $0.blocks) }
        }
        state = Mutex(State(open: parts.reversed(), left: Dictionary(grouping: parts, by: \.table).mapValues(\.count)))
    }

    /// Reads parts until none is left; whoever reads the last part of a table records its proofs.
    ///
    /// A table that is locked, has changed, or that a server refuses to read stays unproven until the next pass: a proof
    /// ahead only saves time.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target.
    /// - Throws: ``PostgresError``, ``LedgerError``.
    package func work(_ source: Connection, _ target: Connection) throws {
        while !context.stop.isRequested, let part = state.withLock({ $0.open.popLast() }) {
            let table = tables[part.table]
            context.waitForTurn()
            do {
                try during("proving \(table.relation.name)") {
                    guard let found = try read(part, of: table, part.side == .source ? source : target) else {
                        return drop(part.table)
                    }
                    guard let whole = enter(found, of: part) else { return }
                    try record(whole, of: table, on: target)
                }
            } catch let error as PostgresError where error.code == .gaveWay || error.sqlState == "55P03" {
                drop(part.table)
                if source.isBroken { try source.reconnect() }
            } catch let error as PostgresError where error.isRefusal {
                drop(part.table)
                context.cannotCompare(table.relation.name, error)
            }
        }
    }

    private func drop(_ table: Int) {
        state.withLock { state in
            state.open.removeAll { $0.table == table }
            state.left[table] = nil
        }
    }

    /// - Returns: What was found of each chunk; nil if the table is no longer in the state it was in.
    private func read(_ part: Part, of table: ScatteredTable, _ connection: Connection) throws -> [Int: Found]? {
        try connection.transaction(.snapshot) {
            let identity = part.side == .source ? context.source : context.target
            // On both sides: a table that is rewritten between the look at its state and the rows lies in another file.
            try connection.execute(
                """
                SET LOCAL lock_timeout = \(ProvingContext.lockTimeout);
                LOCK TABLE \(table.relation.rows) IN ACCESS SHARE MODE
                """
            )
            let then = part.side == .source ? table.states.source : table.states.target
            guard try then.showsWrites(until: TableState(of: table.relation.name, on: connection, identity)) else {
                return nil
            }
            let rows = try connection.query(table.look(at: part.blocks, context.hash, part.side))
            return try Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    let found = Found(
                        rows: try row.integer("rows"),
                        sum: try row.sum("fingerprint"),
                        others: try row.integer("written")
                    )
                    return (try row.integer("chunk"), found)
                }
            )
        }
    }

    /// - Returns: What was found in the whole table, by side and chunk, if this was its last part.
    private func enter(_ found: [Int: Found], of part: Part) -> [Endpoint.Side: [Int: Found]]? {
        state.withLock { state in
            guard let left = state.left[part.table] else { return nil }
            state.found[part.table, default: [:]][part.side, default: [:]].merge(found) { one, other in
                Found(rows: one.rows + other.rows, sum: one.sum + other.sum, others: one.others + other.others)
            }
            state.left[part.table] = left > 1 ? left - 1 : nil
            return left > 1 ? nil : state.found[part.table]
        }
    }

    private func record(
        _ found: [Endpoint.Side: [Int: Found]],
        of table: ScatteredTable,
        on target: Connection
    ) throws {
        try target.transaction(.readWrite) {
            let ledger = Ledger(target, epoch: context.epoch)
            try ledger.fence()
            for (number, chunk) in table.chunks.enumerated() {
                let (ours, theirs) = (found[.source]?[number] ?? Found(), found[.target]?[number] ?? Found())
                guard ours.rows == chunk.rows, chunk.writtenRows == nil else { continue }
                guard (ours.rows, ours.sum) == (theirs.rows, theirs.sum) else {
                    try context.distrust(chunk, of: table.relation, in: ledger)
                    continue
                }
                // A transaction as old as these rows is still open on the target.
                guard theirs.others == 0, let mark = chunk.mark else { continue }
                try ledger.prove(
                    chunk,
                    by: ChunkProof(
                        source: table.states.source.at(mark),
                        target: table.states.target,
                        pass: context.pass,
                        rows: ours.rows,
                        method: context.hash.rawValue,
                        sum: String(ours.sum)
                    ),
                    pass: context.pass
                )
            }
        }
    }
}
