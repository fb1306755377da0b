package import Archive
package import Catalog
import Planning
package import Postgres
import Synchronization

/// Compares the target's rows with the fingerprints an archive has recorded: the source may be gone.
package final class RecordedComparison: Sendable {
    private struct Item: Sendable {
        let range: ComparedRange
        let chunk: ArchivedChunk
        /// In the order of the files of rows.
        let columns: [String]
    }

    private struct Tally {
        var ranges = 0
        var differing = 0
        var recordedRows = 0
        var rows = 0
    }

    private struct State {
        var open: [Item]
        var uncounted: [ComparedRange]
        var tallies: [QualifiedName: Tally] = [:]
        var findings: [Finding] = []
    }

    private let hash: RowHash
    private let tables: [ComparedRange]
    /// How many ranges have fingerprints this server cannot make.
    private let impossible: Int
    private let state: Mutex<State>
    private let isStopped: @Sendable () -> Bool

    /// - Parameters:
    ///   - manifest: What the generation holds.
    ///   - source: What the source contained then.
    ///   - target: What the target contains.
    ///   - answers: What the target's server makes of certain values.
    ///   - isStopped: Ends the work between two ranges.
    package init(
        _ manifest: Manifest,
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        answers: RowHash.Answers,
        isStopped: @escaping @Sendable () -> Bool
    ) {
        hash = manifest.hash.method
        self.isStopped = isStopped
        let ours = Dictionary(source.tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
        let theirs = Dictionary(target.tables.map { ($0.qualifiedName, $0) }, uniquingKeysWith: { first, _ in first })
        let items = manifest.tables.flatMap { table -> [Item] in
            // What is missing or otherwise the comparison of the definitions finds.
            guard let here = ours[table.qualifiedName], let there = theirs[table.qualifiedName],
                Set(here.columns.map(\.name)) == Set(there.columns.map(\.name))
            else { return [] }
            return table.chunks.map { chunk in
                let range = ComparedRange(
                    table: table.qualifiedName,
                    rows: there.rows,
                    columns: here.columns,
                    ofOtherType: [],
                    key: table.key,
                    identity: nil,
                    range: chunk.range,
                    filter: nil,
                    bytes: table.tableBytes / max(1, table.chunks.count),
                    proof: nil,
                    tableBytes: (here.tableBytes, there.tableBytes)
                )
                return Item(range: range, chunk: chunk, columns: table.columns)
            }
        }
        let first = Dictionary(items.map { ($0.range.table, $0.range) }, uniquingKeysWith: { first, _ in first })
        tables = first.values.sorted { $0.table < $1.table }
        let possible = items.filter { $0.chunk.fingerprintOf == .line || Self.canBeMade(manifest.hash, by: answers) }
        impossible = items.count - possible.count
        // What only some ranges hold says nothing about the whole.
        let uncounted = impossible == 0 ? tables : []
        state = Mutex(State(open: possible.sorted { $0.range.bytes < $1.range.bytes }, uncounted: uncounted))
    }

    /// Whether a server makes the fingerprints of values that the manifest has.
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

    /// Compares ranges until none is left.
    ///
    /// - Parameter target: A connection in the snapshot the target is judged by.
    /// - Throws: ``PostgresError``.
    package func compare(on target: Connection) throws {
        while !isStopped(), let item = state.withLock({ $0.open.popLast() }) {
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
                        item.range.table.description,
                        "differ",
                        .stops,
                        "rows differ in \(item.range.range) from what the archive recorded",
                        source: "\(item.chunk.rows) rows, fingerprint \(item.chunk.fingerprint)",
                        target: "\(found.rows) rows, fingerprint \(found.sum)"
                    )
                )
            }
        }
    }

    /// Counts tables without any index; due when all ranges are compared.
    ///
    /// - Parameter target: As before.
    /// - Throws: ``PostgresError``.
    package func count(on target: Connection) throws {
        try target.execute(
            "SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off"
        )
        while !isStopped(), let range = state.withLock({ $0.uncounted.popLast() }) {
            guard let tally = state.withLock({ $0.tallies[range.table] }), tally.ranges > 1 else { continue }
            let rows = try target.queryOne(range.countOfTable(.target)).integer("rows")
            guard rows != tally.rows else { continue }
            let finding = Finding(
                "rows",
                range.table.description,
                "hidden-by-index",
                .stops,
                "the target has \(rows) rows, but its key's ranges hold \(tally.rows): an index is damaged or sorts otherwise"
            )
            state.withLock { $0.findings.append(finding) }
        }
    }

    /// What came of it.
    package func result() -> VerificationResult {
        var result = VerificationResult(
            method: "xxh64 of rows' lines, or \(hash.rawValue), as the archive recorded them"
        )
        if impossible > 0 {
            result.notProven.append(
                "\(impossible) ranges of rows: the target's server hashes otherwise than the source's, their fingerprints say nothing"
            )
        }
        state.withLock { state in
            result.findings = state.findings
            for table in tables {
                let tally = state.tallies[table.table] ?? Tally()
                result.tables.append(
                    VerificationResult.ComparedTable(
                        name: table.table.description,
                        ranges: tally.ranges,
                        differingRanges: tally.differing,
                        standingRanges: 0,
                        sourceBytes: table.tableBytes.source,
                        targetBytes: table.tableBytes.target,
                        sourceRows: tally.recordedRows,
                        targetRows: tally.rows
                    )
                )
            }
            if !state.open.isEmpty { result.notProven.append("\(state.open.count) ranges of rows were not compared") }
        }
        let rows = result.tables.reduce(into: (0, 0)) { $0 = ($0.0 + $1.sourceRows, $0.1 + $1.targetRows) }
        result.examined.append(VerificationResult.Examined(kind: "rows", source: rows.0, target: rows.1))
        return result
    }
}
