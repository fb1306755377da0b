package import Archive
package import Catalog
import Planning
package import Postgres
import Synchronization

/// Compares the target's rows with the fingerprints recorded in an archive; the source is not needed.
package final class RecordedComparison: Sendable {
    struct Item: Sendable {
        let range: ComparedRange
        let chunk: ArchivedChunk
        /// In the order of the files with rows.
        let columns: [ServerText]
    }

    struct Tally {
        var ranges = 0
        var differing = 0
        var recordedRows = 0
        var rows = 0
    }

    struct State {
        var open: [Item]
        var counts: CountQueue<QualifiedName>
        /// Ranges compared before the target was finished; not yet checked whether the results remain valid.
        var early: [QualifiedName: [EarlyLook]] = [:]
        var earlyCounts: CountQueue<QualifiedName>?
        var tallies: [QualifiedName: Tally] = [:]
        var findings: [Finding] = []
        var unexamined = UnexaminedTables()
    }

    /// The server refused a step of one table's proof.
    ///
    /// The refusal is recorded; the remaining work needs a new transaction.
    package struct TransactionFailed: Error {}

    private let hash: RowHash
    /// One range of each table.
    let tables: [QualifiedName: ComparedRange]
    /// The tables with more than one range.
    let cutTables: Set<QualifiedName>
    /// The number of ranges whose fingerprints this server cannot compute.
    private let impossible: Int
    let state: Mutex<State>
    let stop: StopRequest

    /// - Parameters:
    ///   - manifest: The manifest of the generation.
    ///   - source: The source's catalog at that time.
    ///   - target: The target's catalog.
    ///   - answers: The hashes that the target's server computes for test values.
    ///   - stop: Asked between two ranges; a request ends the work.
    package init(
        _ manifest: Manifest,
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        answers: RowHash.Answers,
        stop: StopRequest
    ) {
        hash = manifest.hash.method
        self.stop = stop
        let ours = Dictionary(keepingFirst: source.tables.map { ($0.qualifiedName, $0) })
        let theirs = Dictionary(keepingFirst: target.tables.map { ($0.qualifiedName, $0) })
        let items = manifest.tables.flatMap { table -> [Item] in
            // The comparison of definitions finds what is missing or differs.
            guard let here = ours[table.qualifiedName], let there = theirs[table.qualifiedName],
                Set(here.columns.map(\.name)) == Set(there.columns.map(\.name))
            else { return [] }
            let blocks = BlockRange.all(of: there, on: target.identity)
            let key = table.key?.carried(here, from: manifest.source.encoding, to: target.identity.encoding)
            return table.chunks.map { chunk in
                let range = ComparedRange(
                    table: table.qualifiedName,
                    rows: there.rows,
                    columns: here.heldColumns,
                    ofOtherType: [],
                    key: key,
                    identity: key,
                    range: chunk.range,
                    filter: nil,
                    isShared: false,
                    bytes: table.tableBytes / max(1, table.chunks.count),
                    isSmall: false,
                    proof: nil,
                    tableBytes: (here.tableBytes, there.tableBytes),
                    blocks: ([], blocks),
                    isCutInBlocks: false
                )
                return Item(range: range, chunk: chunk, columns: table.columns)
            }
        }
        let byTable = Dictionary(grouping: items, by: \.range.table)
        tables = byTable.compactMapValues(\.first?.range)
        let cut = byTable.values.filter { $0.count > 1 }.compactMap(\.first?.range)
            .sorted { $0.tableBytes.target > $1.tableBytes.target }
        cutTables = Set(cut.map(\.table))
        let possible = items.filter { $0.chunk.fingerprintOf == .line || Self.canBeMade(manifest.hash, by: answers) }
        impossible = items.count - possible.count
        // If some ranges cannot be compared, the sum of the others cannot be checked against the whole table.
        let counts = CountQueue(impossible == 0 ? cut.map { ($0.table, $0.blocks.target) } : [])
        state = Mutex(State(open: possible.sorted { $0.range.bytes < $1.range.bytes }, counts: counts))
    }

    /// Whether the target's server computes the same hashes as the manifest's source.
    private static func canBeMade(_ hash: Manifest.Hash, by answers: RowHash.Answers) -> Bool {
        switch hash.method {
        case .md5OfUTF8: true
        case .hashesOfColumns, .hashtextextended, .md5: hash.answers == answers
        }
    }

    private func fingerprint(of item: Item, on target: Connection) throws -> Fingerprint {
        guard item.chunk.fingerprintOf == .line else {
            return try Fingerprint(target.queryOne(item.range.fingerprint(hash, .target)))
        }
        var sum = LineSum()
        try target.beginCopyOut(item.range.lines(item.columns, .target))
        while let _ = try target.nextCopyMessage({ sum.add($0) }) {}
        try target.endCopyOut()
        return Fingerprint(rows: sum.rows, sum: sum.fingerprint)
    }

    /// Whether all ranges are compared and all tables counted.
    package var isDone: Bool {
        state.withLock { $0.open.isEmpty && $0.early.isEmpty && $0.counts.tables.isEmpty }
    }

    /// Compares ranges until none is left.
    ///
    /// - Parameter target: A connection in the snapshot in which the target is verified.
    /// - Throws: ``PostgresError``, ``TransactionFailed``.
    package func compare(on target: Connection) throws {
        while !stop.isRequested, let item = state.withLock({ $0.open.popLast() }) {
            try examining(item.range.table) { try compare(item, on: target) }
        }
    }

    /// Runs a step of a table's proof; if the server refuses it, only this table is left unproven.
    func examining(_ table: QualifiedName, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as PostgresError where error.isRefusal {
            state.withLock { state in
                state.unexamined.add(table, error)
                state.open.removeAll { $0.range.table == table }
                state.early[table] = nil
                state.earlyCounts?.remove(table)
                state.counts.remove(table)
            }
            throw TransactionFailed()
        }
    }

    func compare(_ item: Item, on target: Connection) throws {
        let found = try during("comparing \(item.range.table) \(item.range.range)") {
            try fingerprint(of: item, on: target)
        }
        let isEqual = found.rows == item.chunk.rows && found.sum == item.chunk.fingerprint
        state.withLock { state in
            var tally = state.tallies[item.range.table] ?? Tally()
            tally.ranges += 1
            tally.recordedRows += item.chunk.rows
            tally.rows += found.rows
            if !isEqual { tally.differing += 1 }
            state.tallies[item.range.table] = tally
            guard !isEqual else { return }
            state.findings.append(
                Finding(
                    "rows",
                    object: item.range.table.description,
                    problem: "differ",
                    severity: .stops,
                    "rows differ in \(item.range.range) from what the archive recorded",
                    source: "\(item.chunk.rows) rows, fingerprint \(item.chunk.fingerprint)",
                    target: "\(found.rows) rows, fingerprint \(found.sum)"
                )
            )
        }
    }

    /// Counts tables without any index, after all ranges are compared.
    ///
    /// - Parameter target: A connection in the snapshot in which the target is verified.
    /// - Throws: ``PostgresError``, ``TransactionFailed``.
    package func count(on target: Connection) throws {
        try target.doWithoutIndexes()
        while !stop.isRequested, let part = state.withLock({ $0.counts.next() }), let range = tables[part.table] {
            var count = TableCount()
            try examining(part.table) {
                count = try during("counting \(part.table)") {
                    try TableCount(ofRows: target.queryOne(range.count(of: part.blocks, .target)))
                }
            }
            state.withLock { state in
                guard let all = state.counts.add(count, of: part)?.rows else { return }
                let compared = state.tallies[part.table]?.rows ?? 0
                if all != compared {
                    state.findings.append(
                        DataComparison.hidden(in: part.table, on: .target, rows: all, compared: compared)
                    )
                }
            }
        }
    }

    /// Returns the result.
    package func result() -> VerificationResult {
        var result = VerificationResult(
            method: "xxh64 of rows' lines, or \(hash.rawValue), as the archive recorded them"
        )
        if impossible > 0 {
            result.notProven.append(
                "\(impossible) ranges of rows: the target's server hashes differently than the source's, so their fingerprints cannot be compared"
            )
        }
        state.withLock { state in
            result.findings = state.findings
            result.notProven += state.unexamined.messages
            for table in tables.values.sorted(by: { $0.table < $1.table })
            where !state.unexamined.contains(table.table) {
                let tally = state.tallies[table.table] ?? Tally()
                result.tables.append(
                    VerificationResult.ComparedTable(
                        name: table.table.description,
                        ranges: tally.ranges,
                        differingRanges: tally.differing,
                        standingRanges: 0,
                        countedRanges: 0,
                        countedSince: nil,
                        sourceBytes: table.tableBytes.source,
                        targetBytes: table.tableBytes.target,
                        sourceRows: tally.recordedRows,
                        targetRows: tally.rows
                    )
                )
            }
            let left = state.open.count + state.early.values.map(\.count).reduce(0, +)
            if left > 0 { result.notProven.append("\(left) ranges of rows were not compared") }
        }
        let rows = result.tables.reduce(into: (0, 0)) { $0 = ($0.0 + $1.sourceRows, $0.1 + $1.targetRows) }
        result.examined.append(VerificationResult.Examined(kind: "rows", source: rows.0, target: rows.1))
        return result
    }
}
