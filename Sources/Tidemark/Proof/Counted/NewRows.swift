import Catalog
import Ledger
import Planning
import Postgres
import Transfer

/// The search for the rows by which a table grew, from where new rows usually are.
///
/// A transaction with an id that was not assigned when the old counters had been read committed after that, so its rows are
/// among those counted since. When as many are found as were counted, all are, and the chunks without them have none. Older ids
/// are not searched for: some of their rows may have been counted before.
struct NewRows: Sendable {
    /// A search ends without a result after this many chunks, or this part of the table: reading by rows is then cheaper.
    private static let (mostChunks, mostOfTable) = (4, 4)
    /// The blocks that are searched first, 8 MB; each further search takes twice as many.
    private static let firstBlocks = 1024

    private let relation: RelationEntry
    private let chunks: [ChunkEntry]
    private let before: CounterReading
    private let count: Int

    /// - Parameters:
    ///   - relation: The table.
    ///   - chunks: All its chunks.
    ///   - before: The source's counters before the chunks were read.
    ///   - count: The number of rows that were counted since.
    init(of relation: RelationEntry, _ chunks: [ChunkEntry], since before: CounterReading, count: Int) {
        self.relation = relation
        self.chunks = chunks
        self.before = before
        self.count = count
    }

    /// Searches the table.
    ///
    /// - Parameters:
    ///   - catalog: What the source contains.
    ///   - source: The source, in the snapshot that is read.
    /// - Returns: The chunks that have no new row; none if not all new rows were found.
    /// - Throws: ``PostgresError``.
    func chunksWithout(_ catalog: DatabaseCatalog, on source: Connection) throws -> [ChunkEntry] {
        let now = try source.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot").snapshot(
            "snapshot"
        )
        guard now.xmax - before.snapshot.xmax < 1 << 31 else { return [] }
        let first = UInt32(truncatingIfNeeded: before.snapshot.xmax)
        let isNew: SQL = "pg_catalog.age(xmin) <= pg_catalog.age(\(literal: String(first))::pg_catalog.xid)"
        return try during("searching \(relation.name) for new rows") {
            if let key = relation.key, let table = catalog.table(relation.name), key.isScattered(in: table),
                BlockRange.canCut(table, on: catalog.identity), let ordered = KeyRange.inOrder(chunks, \.range)
            {
                return try byPosition(
                    table.heapBytes / BlockRange.blockBytes,
                    among: ordered,
                    by: key,
                    isNew,
                    on: source
                )
            }
            return try byKey(isNew, on: source)
        }
    }

    /// Keys that ascend with time: the newest rows are at the end of the key, and so are chunks that were cut later.
    private func byKey(_ isNew: SQL, on source: Connection) throws -> [ChunkEntry] {
        var rest = chunks.sorted { $0.chunkNumber < $1.chunkNumber }
        let most = max(Self.mostChunks, rest.count / Self.mostOfTable)
        var found = 0
        for _ in 0..<min(most, rest.count) {
            guard let chunk = rest.popLast() else { break }
            found += try source.queryOne(
                """
                SELECT count(*) AS n FROM \(relation.rows) WHERE \(relation.condition(on: chunk.range)) AND \(isNew)
                """
            ).integer("n")
            if found == count { return rest }
        }
        return []
    }

    /// Scattered keys: the newest rows are at the end of the file, unless there was room before.
    private func byPosition(
        _ blocks: Int,
        among ordered: [ChunkEntry],
        by key: Key,
        _ isNew: SQL,
        on source: Connection
    ) throws -> [ChunkEntry] {
        let number = KeyRange.choice(among: ordered.enumerated().map { ($1.range, "\($0)") }, by: key)
        let last = max(0, blocks - max(Self.firstBlocks, blocks / Self.mostOfTable))
        var (found, written) = (0, Set<Int>())
        var part = BlockRange(lower: max(last, blocks - Self.firstBlocks), upper: nil)
        var size = Self.firstBlocks
        while true {
            for row in try source.query(
                """
                SELECT \(number) AS chunk, count(*) AS n FROM \(relation.rows)
                WHERE \(part.condition) AND \(isNew) GROUP BY 1
                """
            ) {
                written.insert(try row.integer("chunk"))
                found += try row.integer("n")
            }
            if found == count { return ordered.enumerated().filter { !written.contains($0.offset) }.map(\.element) }
            guard part.lower > last, found < count else { return [] }
            size *= 2
            part = BlockRange(lower: max(last, part.lower - size), upper: part.lower)
        }
    }
}
