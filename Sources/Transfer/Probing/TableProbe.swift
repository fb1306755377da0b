import Catalog
import Ledger
import Planning
import Postgres

/// Probes all chunks of a table by reading its file once, part by part, instead of one key range after the other.
///
/// An index reads a range of keys page by page, and the whole table if the keys are scattered. Blocks are read at the disk's
/// speed, by several connections.
///
/// Rows older than all marks are only counted. Every chunk's untouched rows are a subset of what the target holds of it under
/// keys that were not written since. So if the table has as many untouched rows as the target holds of such, each chunk has. If
/// it has fewer (rows were deleted, or got another key), the table is read once more, and all its rows are counted chunk by chunk.
struct TableProbe: Sendable {
    /// Parts for each connection, so that the last ones finish at about the same time.
    private static let partsOfWorker = 8
    /// From 8 MB, so that the cost of a statement does not matter, to 1 GB.
    private static let blocksOfPart = 1024...131_072
    /// With fewer of the chunks due than one in this many, their key ranges are read instead.
    private static let mostPassedOver = 4

    let relation: RelationEntry
    /// All chunks, in the order of the key.
    let chunks: [ChunkEntry]
    private(set) var parts: [BlockRange]
    /// Whether all rows are counted chunk by chunk, not only those written lately.
    private(set) var isGrouped: Bool
    /// The position of a row's chunk in ``chunks``.
    let number: SQL
    private let isProbed: [Bool]
    /// The oldest mark of a probed chunk; all others see what it does not.
    let oldest: Mark
    /// Rows that this mark does not see are left to a later pass; nil: none.
    private var last: Mark?
    /// The number of blocks in the file.
    private let blocks: Int

    /// Returns nil if the chunks have to be probed one by one.
    ///
    /// - Parameters:
    ///   - relation: The table.
    ///   - chunks: All its chunks.
    ///   - pass: The pass that is due.
    ///   - source: What the source contains now.
    ///   - workers: The number of connections that read.
    ///   - losesRows: Whether so many rows are known to have been deleted or written since the marks that all rows are counted
    ///     chunk by chunk at once.
    init?(
        of relation: RelationEntry,
        _ chunks: [ChunkEntry],
        dueIn pass: Int,
        on source: DatabaseCatalog,
        workers: Int,
        losesRows: Bool
    ) {
        guard relation.treatment.isCopiedAhead, !relation.treatment.trustsCounts, let key = relation.key,
            let table = source.table(relation.name), BlockRange.canCut(table, on: source.identity),
            chunks.count > 1, let ordered = KeyRange.inOrder(chunks, \.range)
        else { return nil }
        let isProbed = ordered.map { $0.pass < pass && $0.mark != nil && !$0.isAdopted }
        let probed = zip(ordered, isProbed).filter(\.1).map(\.0)
        guard let oldest = probed.compactMap(\.mark).min(by: { $0.snapshot.xmin < $1.snapshot.xmin }),
            probed.count * Self.mostPassedOver >= ordered.count || key.isScattered(in: table)
        else { return nil }
        self.relation = relation
        self.chunks = ordered
        number = KeyRange.choice(among: ordered.enumerated().map { ($1.range, "\($0)") }, by: key)
        self.isProbed = isProbed
        self.oldest = oldest
        isGrouped = losesRows || probed.count < ordered.count
        blocks = table.heapBytes / BlockRange.blockBytes
        let size = blocks / max(1, workers * Self.partsOfWorker)
        parts = BlockRange.all(
            of: blocks,
            inEach: min(max(size, Self.blocksOfPart.lowerBound), Self.blocksOfPart.upperBound)
        )
    }

    /// The same probe, counting all rows chunk by chunk.
    var grouped: TableProbe {
        var probe = self
        probe.isGrouped = true
        return probe
    }

    /// The same probe of the rows that a mark sees, in parts that are read in snapshots of their own.
    ///
    /// - Parameters:
    ///   - mark: A mark that was taken before any of the parts is read.
    ///   - blocks: The number of blocks in a part.
    /// - Returns: The probe; nil if not all chunks are probed.
    func sliced(at mark: Mark, inEach blocks: Int) -> TableProbe? {
        guard isProbed.allSatisfy(\.self) else { return nil }
        var probe = grouped
        probe.last = mark
        probe.parts = BlockRange.all(of: self.blocks, inEach: blocks)
        return probe
    }

    /// Whether the rule of the delta applies to all chunks.
    ///
    /// - Parameter now: The mark they would get now.
    /// - Returns: False if one of them has to be compared.
    func applies(at now: Mark) -> Bool {
        zip(chunks, isProbed).allSatisfy { chunk, isProbed in !isProbed || chunk.mark?.voidReason(at: now) == nil }
    }

    /// What a part of the file, or all of it, holds.
    struct Look: Sendable {
        /// By position in ``TableProbe/chunks``.
        fileprivate(set) var chunks: [Int: ProbedChunk] = [:]
        /// Rows older than all marks, if they were not counted chunk by chunk.
        fileprivate var old = 0

        var places: RowPlaces { chunks.values.reduce(into: RowPlaces()) { $0.add($1.places) } }

        /// The number of rows written since the marks.
        var written: Int { chunks.values.reduce(0) { $0 + $1.written } }

        /// Keeps of the places only the range of their blocks.
        mutating func forgetPlaces() {
            for position in chunks.keys { chunks[position]?.places.forget() }
        }

        mutating func add(_ other: Look) {
            for (position, chunk) in other.chunks { chunks[position, default: ProbedChunk()].add(chunk) }
            old += other.old
        }
    }

    /// Reads a part of the file.
    ///
    /// - Parameters:
    ///   - part: The part.
    ///   - source: A connection in the snapshot that is probed.
    /// - Returns: What it holds.
    /// - Throws: ``PostgresError``.
    func look(at part: BlockRange, on source: Connection) throws -> Look {
        let isRecent = DeltaRule.isWritten(since: oldest)
        var filter: SQL = relation.rowFilter.map { " AND (\(SQL(trusted: $0)))" } ?? ""
        if let last { filter = "\(filter) AND NOT (\(DeltaRule.isWritten(since: last)))" }
        let rows = try source.query(
            """
            SELECT \(isGrouped ? number : "NULL::integer" as SQL) AS chunk, count(*) AS rows,
                   pg_catalog.array_agg(\(number)) FILTER (WHERE \(isRecent)) AS chunks,
                   pg_catalog.array_agg(ctid) FILTER (WHERE \(isRecent)) AS places,
                   pg_catalog.array_agg(xmin) FILTER (WHERE \(isRecent)) AS transactions
            FROM \(relation.rows) WHERE \(part.condition)\(filter)\(isGrouped ? " GROUP BY 1" as SQL : "")
            """
        )
        var look = Look()
        for row in rows {
            let recent = try RecentRow.all(of: row)
            try add(recent, to: &look)
            let old = try row.integer("rows") - recent.count
            if isGrouped {
                look.chunks[try row.integer("chunk"), default: ProbedChunk()].untouched += old
            } else {
                look.old += old
            }
        }
        return look
    }

    /// Enters rows that the oldest mark does not see.
    private func add(_ rows: [RecentRow], to look: inout Look) throws {
        for row in rows {
            guard chunks.indices.contains(row.chunk) else {
                throw PostgresError(.unexpectedAnswer, "a row of \(relation.name) lies in no chunk")
            }
            guard isProbed[row.chunk], let mark = chunks[row.chunk].mark else { continue }
            look.chunks[row.chunk, default: ProbedChunk()].add(
                isWritten: Self.isWritten(row.transaction, since: mark),
                block: row.block,
                line: row.line
            )
        }
    }

    /// The rule of the delta for a row that the oldest mark does not see: ids are compared on their 32-bit circle.
    private static func isWritten(_ transaction: UInt32, since mark: Mark) -> Bool {
        Int32(bitPattern: transaction &- UInt32(truncatingIfNeeded: mark.snapshot.xmin)) >= 0
    }

    /// What the whole file says of each chunk, by its number.
    ///
    /// - Parameters:
    ///   - whole: What the file holds.
    ///   - rewritten: How many rows the target holds under keys that were written since, by the positions of their chunks.
    /// - Returns: The chunks; nil if rows are missing and it is not known of which chunk.
    func conclude(_ whole: Look, rewritten: [Int: Int] = [:]) -> [Int: ProbedChunk]? {
        var result: [Int: ProbedChunk] = [:]
        var expected = 0
        for (position, chunk) in chunks.enumerated() where isProbed[position] {
            var probed = whole.chunks[position] ?? ProbedChunk()
            if !isGrouped { probed.untouched = chunk.rows - (rewritten[position] ?? 0) }
            expected += probed.untouched
            result[chunk.chunkNumber] = probed
        }
        let untouched = whole.old + whole.chunks.values.reduce(0) { $0 + $1.untouched }
        return isGrouped || untouched == expected ? result : nil
    }

    /// Whether the keys of the rows written since are few enough to be looked up on the target.
    func mayLookUpKeys(_ whole: Look) -> Bool {
        !isGrouped && whole.written > 0 && whole.written <= PassProbe.mostLookUps(in: chunks)
    }

    /// Looks up the keys that were written since the marks on the target.
    ///
    /// - Parameters:
    ///   - whole: What the file holds.
    ///   - lane: A lane whose source reads the snapshot that is probed.
    /// - Returns: How many rows the target holds under these keys, by the positions of their chunks.
    /// - Throws: ``PostgresError``.
    func rewritten(_ whole: Look, on lane: Lane) throws -> [Int: Int] {
        guard let key = relation.key else { return [:] }
        let chunk = ChunkSource(lane.source, relation: relation, range: .everything)
        return try lane.target.transaction(.readWrite) {
            let list = try KeyList("tidemark_written", of: relation, key, on: lane.target, deleting: nil) { copyIn in
                for copyOut in chunk.writtenKeys(key, since: oldest, at: whole.places) {
                    _ = try lane.source.relay(copyOut, to: lane.target, copyIn) { _ in }
                }
            }
            return try list.count(by: number)
        }
    }
}
