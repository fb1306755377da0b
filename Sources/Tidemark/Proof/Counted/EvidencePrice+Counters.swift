import Catalog
import Ledger
import Planning
import Postgres
import Report

extension EvidencePrice {
    /// Compares the source's counters of now with those kept with the last passes; a forecast, no evidence.
    ///
    /// - Parameters:
    ///   - relations: The tables in the ledger.
    ///   - chunks: Their chunks.
    ///   - kept: The source's counters kept for each pass.
    ///   - now: The source's counters.
    init?(_ relations: [RelationEntry], chunks: [ChunkEntry], kept: [Int: CounterReading], now: CounterReading) {
        let byTable = Dictionary(grouping: chunks, by: \.relationId)
        var (rows, counters, written) = (0, 0, 0)
        var since: String?
        for relation in relations where relation.treatment.isCopiedAhead {
            let chunks = byTable[relation.relationId] ?? []
            rows += relation.tableBytes
            guard let pass = chunks.map(\.readPass).min(), let before = kept[pass] else {
                counters += relation.tableBytes
                continue
            }
            since = min(since ?? before.readAt, before.readAt)
            switch now.change(of: relation.definition.oid, since: before) {
            case .none: continue
            case .inserts(let count):
                let held = max(1, chunks.reduce(0) { $0 + $1.rows })
                let newest = relation.tableBytes / max(1, chunks.count)
                counters += min(relation.tableBytes, newest + relation.tableBytes / held * count)
            case .other: counters += relation.tableBytes
            }
            written += 1
        }
        guard let since else { return nil }
        self.init(rowBytes: rows, counterBytes: counters, writtenTables: written, since: since)
    }
}
