package import Catalog
import Planning
package import Postgres
import Synchronization

/// Compares the rows of both sides, range by range, with any number of pairs of connections.
///
/// It has its own queries over all columns, and counts each table again without any index: a damaged index on the
/// source could hide the same rows from the copy and from a comparison that used it.
package final class DataComparison: Sendable {
    struct Tally {
        var ranges = 0
        /// Ranges whose earlier proof remains valid.
        var standing = 0
        /// Ranges that were proven ahead and stand by the servers' counters.
        var counted = 0
        var differing = 0
        var sourceRows = 0
        var targetRows = 0

        /// Adds a range that stands by the servers' counters.
        mutating func addCounted(rows: Int) {
            ranges += 1
            counted += 1
            sourceRows += rows
            targetRows += rows
        }
    }

    /// One side of a table; the two sides of a large table are counted at the same time.
    struct CountedSide: Hashable {
        let table: QualifiedName
        let side: Endpoint.Side
    }

    struct State {
        var open: [ComparedRange]
        /// Tables that are read in full first.
        var wholes: CountQueue<CountedSide>
        /// All other tables with several ranges; they are counted at the end.
        var counts: CountQueue<CountedSide>
        var counted: [CountedSide: TableCount] = [:]
        var tallies: [QualifiedName: Tally] = [:]
        var findings: [Finding] = []
        var unexamined = UnexaminedTables()
        /// What others have done to tables of a live target.
        var changes: [QualifiedName: LiveTarget.Changes] = [:]
        /// Why differing rows could not be listed.
        var unnamed: [String] = []
        var described: [QualifiedName: Int] = [:]

        /// Takes the largest remaining range, or several if they are small and have not been compared yet.
        mutating func next() -> [ComparedRange] {
            var ranges: [ComparedRange] = []
            while let range = open.last,
                ranges.isEmpty || ranges.count < DataComparison.smallTogether && range.isSmallAndNew
            {
                ranges.append(open.removeLast())
                guard range.isSmallAndNew else { break }
            }
            return ranges
        }
    }

    /// How many small tables one query covers: with thousands of them, the round trip costs more than the work.
    private static let smallTogether = 25

    /// The maximum number of keys listed per table.
    static let namedKeys = 100

    let hash: RowHash
    let showsValues: Bool
    /// One range of each table.
    let tables: [QualifiedName: ComparedRange]
    /// Tables that were mostly proven ahead.
    let standing: [QualifiedName: StandingTable]
    private let unread: UnreadRanges
    let live: LiveTarget?
    /// What is taken on trust, for people.
    private let onTrust: [String]
    let rangeCounts: [QualifiedName: Int]
    let state: Mutex<State>
    let stop: StopRequest

    /// - Parameters:
    ///   - ranges: The ranges to compare; the ranges of a table cover it completely.
    ///   - unread: Those among them that are not read.
    ///   - live: Set if others write to the target: what they write is left out.
    ///   - hash: How rows are hashed.
    ///   - showsValues: Whether findings may include the values of rows; otherwise only the differing columns.
    ///   - stop: Asked between two ranges; a request ends the work.
    package init(
        _ ranges: [ComparedRange],
        except unread: UnreadRanges = .none,
        onLive live: LiveTarget? = nil,
        hash: RowHash,
        showsValues: Bool,
        stop: StopRequest
    ) {
        self.hash = hash
        self.showsValues = showsValues
        self.stop = stop
        let byTable = Dictionary(grouping: ranges, by: \.table)
        tables = byTable.compactMapValues(\.first)
        // A table with a single, unbounded range is read in full anyway.
        // A table of which some ranges are not read is not read in full either.
        let cut = byTable.values.filter { $0.count > 1 && !unread.arePart(of: $0[0].table) }.compactMap(\.first)
            .sorted { $0.tableBytes.source > $1.tableBytes.source }
        let standing = byTable.filter { !unread.arePart(of: $0.key) }.compactMapValues(StandingTable.init)
        self.standing = standing
        self.unread = unread
        self.live = live
        rangeCounts = byTable.mapValues(\.count)
        let isWhole = { (range: ComparedRange) in
            if standing[range.table] != nil { return true }
            return range.isCutInBlocks && byTable[range.table]?.allSatisfy { $0.proof == nil } == true
        }
        let (wholes, counts) = (cut.filter(isWhole), cut.filter { !isWhole($0) })
        onTrust = unread.onTrust(of: ranges)
        state = Mutex(
            State(
                open: ranges.filter { !unread.contains($0) }.sorted { $0.bytes < $1.bytes },
                wholes: Self.queue(wholes),
                counts: Self.queue(counts),
                tallies: unread.tallies(of: ranges)
            )
        )
    }

    /// The ranges and parts of files that are left to read.
    package var readsLeft: Int {
        state.withLock { $0.open.count + $0.wholes.openParts + $0.counts.openParts }
    }

    private static func queue(_ tables: [ComparedRange]) -> CountQueue<CountedSide> {
        CountQueue(
            tables.flatMap { range in
                [
                    (CountedSide(table: range.table, side: .source), range.blocks.source),
                    (CountedSide(table: range.table, side: .target), range.blocks.target),
                ]
            }
        )
    }

    /// Whether ranges are left to compare.
    package var hasOpen: Bool { state.withLock { !$0.open.isEmpty } }

    /// Whether tables are left to count.
    package var hasUncounted: Bool { state.withLock { !$0.counts.tables.isEmpty } }

    /// Compares ranges until none is left.
    ///
    /// - Parameter pair: The connections to use.
    /// - Throws: ``PostgresError``.
    package func compare(with pair: VerificationPair) throws {
        while !stop.isRequested {
            let ranges = state.withLock { $0.next() }
            guard !ranges.isEmpty else { return }
            try pair.turnToNext(ranges.count)
            if try ranges.count == 1 || !compareTogether(ranges, pair) {
                for range in ranges { try compareByItself(range, pair) }
            }
        }
    }

    /// Counts tables by reading them in full, after all ranges are compared.
    ///
    /// - Parameter pair: The connections to use.
    /// - Throws: ``PostgresError``.
    package func count(with pair: VerificationPair) throws {
        try readWithoutIndexes(pair, next: { $0.counts.next() }) { part in
            guard let range = tables[part.table.table] else { return }
            let side = part.table.side
            let count = try TableCount(ofRows: pair.connection(side).queryOne(range.count(of: part.blocks, side)))
            state.withLock { state in
                if let all = state.counts.add(count, of: part) { state.counted[part.table] = all }
            }
        }
    }

    /// Reads parts of tables without using indexes.
    func readWithoutIndexes(
        _ pair: VerificationPair,
        next: (inout State) -> CountQueue<CountedSide>.Part?,
        _ read: (CountQueue<CountedSide>.Part) throws -> Void
    ) throws {
        var isWithoutIndexes = false
        while !stop.isRequested, let part = state.withLock({ next(&$0) }) {
            if try pair.turnToNext() || !isWithoutIndexes {
                for connection in [pair.source, pair.target] { try connection.doWithoutIndexes() }
                isWithoutIndexes = true
            }
            isWithoutIndexes = try examining(part.table.table, pair) {
                try during("counting \(part.table.table)") { try read(part) }
            }
            StatusPoint.partCounted.reached()
        }
    }

    /// Finds tables whose ranges, read by key, hold another number of rows than the table.
    private func hidden(_ state: State) -> [Finding] {
        let counted = state.counted.sorted {
            ($0.key.table, $0.key.side.rawValue) < ($1.key.table, $1.key.side.rawValue)
        }
        return counted.filter { !state.unexamined.contains($0.key.table) }.compactMap { side, count in
            let tally = state.tallies[side.table] ?? Tally()
            let compared = side.side == .source ? tally.sourceRows : tally.targetRows
            return count.rows == compared
                ? nil : Self.hidden(in: side.table, on: side.side, rows: count.rows, compared: compared)
        }
    }

    /// Returns the finding that an index and its table do not hold the same rows.
    static func hidden(
        in table: QualifiedName,
        on side: Endpoint.Side,
        rows: Int,
        compared: Int
    ) -> Finding {
        Finding(
            "rows",
            object: table.description,
            problem: "hidden-by-index",
            severity: .stops,
            "the \(side.rawValue) has \(rows) rows, but reading them by key ranges finds \(compared): "
                + "an index is damaged or sorts differently"
        )
    }

    /// Whether more rows are missing on a live target than were updated or deleted there.
    package func isMissingMore(than removals: [QualifiedName: Int]) -> Bool {
        state.withLock { $0.changes.contains { $0.value.missing > removals[$0.key] ?? 0 } }
    }

    /// Returns the result, once everything is compared and counted.
    ///
    /// - Parameter removals: On a live target, the rows that its server counted as updated or deleted since the cutover, by
    ///   table; nil if the counters do not tell.
    /// - Returns: The result.
    package func result(removals: [QualifiedName: Int]? = nil) -> VerificationResult {
        var result = VerificationResult(method: hash.rawValue)
        state.withLock { state in
            result.findings = state.findings + hidden(state)
            result.notProven = state.unexamined.messages + state.unnamed + onTrust
            LiveTarget.judge(state.changes, removals: removals, into: &result)
            for table in tables.values.sorted(by: { $0.table < $1.table })
            where !state.unexamined.contains(table.table) {
                let tally = state.tallies[table.table] ?? Tally()
                result.tables.append(
                    VerificationResult.ComparedTable(
                        name: table.table.description,
                        ranges: tally.ranges,
                        differingRanges: tally.differing,
                        standingRanges: tally.standing,
                        countedRanges: tally.counted,
                        countedSince: unread.countedSince(table.table),
                        sourceBytes: table.tableBytes.source,
                        targetBytes: table.tableBytes.target,
                        sourceRows: tally.sourceRows,
                        targetRows: tally.targetRows
                    )
                )
            }
            if !state.open.isEmpty { result.notProven.append("\(state.open.count) ranges of rows were not compared") }
            let tables = Set((Array(state.counts.tables) + Array(state.wholes.tables)).map(\.table))
            if !tables.isEmpty {
                result.notProven.append("\(tables.count) tables were not counted in full")
            }
        }
        let rows = result.tables.reduce(into: (0, 0)) { $0 = ($0.0 + $1.sourceRows, $0.1 + $1.targetRows) }
        result.examined.append(VerificationResult.Examined(kind: "rows", source: rows.0, target: rows.1))
        return result
    }

    private func compareByItself(_ range: ComparedRange, _ pair: VerificationPair) throws {
        try examining(range.table, pair) {
            try during("comparing \(range.table) \(range.range)") { try compare(range, pair) }
        }
    }

    private func compare(_ range: ComparedRange, _ pair: VerificationPair) throws {
        if let proof = range.proof, let rows = try rowsStanding(proof, of: range, pair) {
            return state.withLock { state in
                state.tallies[range.table, default: Tally()].ranges += 1
                state.tallies[range.table, default: Tally()].standing += 1
                state.tallies[range.table, default: Tally()].sourceRows += rows
                state.tallies[range.table, default: Tally()].targetRows += rows
            }
        }
        let source = try Fingerprint(pair.source.queryOne(range.fingerprint(hash, .source)))
        let target = try Fingerprint(pair.target.queryOne(range.fingerprint(hash, .target)))
        try enter(source, target, of: range, with: pair)
    }

    /// Compares several small ranges with one query per side.
    ///
    /// - Returns: False if a server refused the query: comparing them one by one finds the range it refuses.
    /// - Throws: ``PostgresError`` for any other failure.
    private func compareTogether(_ ranges: [ComparedRange], _ pair: VerificationPair) throws -> Bool {
        func fingerprints(_ side: Endpoint.Side) throws -> [Int: Fingerprint] {
            let each = ranges.enumerated().map { number, range -> SQL in
                "SELECT \(number) AS number, q.* FROM (\(range.fingerprint(hash, side))) AS q"
            }
            let rows = try pair.connection(side).query(each.joined(separator: " UNION ALL "))
            return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.integer("number"), try Fingerprint($0)) })
        }
        let (source, target): ([Int: Fingerprint], [Int: Fingerprint])
        do {
            (source, target) = (try fingerprints(.source), try fingerprints(.target))
        } catch let error as PostgresError where error.code == .statementFailed {
            try pair.beginAnew()
            return false
        }
        for (number, range) in ranges.enumerated() {
            guard let ours = source[number], let theirs = target[number] else {
                throw PostgresError(.unexpectedAnswer, "the server returned no fingerprint for \(range.table)")
            }
            try enter(ours, theirs, of: range, with: pair)
        }
        return true
    }

    /// Returns the number of rows in the range if its proof remains valid and the rows written since are equal on both
    /// sides; otherwise nil.
    ///
    /// The untouched rows are a subset of the proven ones. If their number is unchanged, they are all there; if rows
    /// were removed since, their keys show which are left. All other rows were written since, and only their hashes
    /// are compared.
    private func rowsStanding(_ proof: ChunkProof, of range: ComparedRange, _ pair: VerificationPair) throws -> Int? {
        let now = try pair.states(of: range.table)
        let isReduced = proof.isReduced == true
        guard proof.canStand(source: now.source, target: now.target), !isReduced || range.identity != nil else {
            return nil
        }
        var looks: [(untouched: Int, keys: String, written: Fingerprint)] = []
        for (side, mark) in [(Endpoint.Side.source, proof.source.mark), (.target, proof.target.mark)] {
            let row = try pair.connection(side).queryOne(
                range.rowsWritten(since: mark, withKeys: isReduced, hash, side)
            )
            let written = Fingerprint(rows: try row.integer("written"), sum: try row.word("fingerprint"))
            let untouched = try row.integer("rows") - written.rows
            guard isReduced || untouched == proof.rows else { return nil }
            looks.append((untouched, try row.word("keys"), written))
        }
        return looks[0] == looks[1] ? looks[0].untouched + looks[0].written.rows : nil
    }
}
