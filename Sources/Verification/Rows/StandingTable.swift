import Catalog
import Planning
import Postgres

/// A table most of whose ranges were proven ahead in one pass; they are checked together by reading it in full.
///
/// The rule is the same as for one range: rows not written since the oldest mark are a subset of the proven ones, so if
/// their number is unchanged, they are all there. No index is used, so the same read also finds rows that a damaged
/// index hides.
struct StandingTable: Sendable {
    /// With more conditions per row, the check would cost more than it saves.
    private static let mostExceptions = 4

    let range: ComparedRange
    /// The ranges whose proofs are checked, with their proofs.
    let proofs: [KeyRange: ChunkProof]
    /// All other ranges.
    private let exceptions: [KeyRange]
    /// The ranges among `proofs` from which rows were removed.
    private let reduced: [KeyRange]
    /// The oldest mark on either side.
    private let marks: (source: Mark, target: Mark)

    /// Returns nil if the ranges have to be checked one by one.
    ///
    /// - Parameter ranges: All ranges of one table, in the order of the key.
    init?(_ ranges: [ComparedRange]) {
        guard ranges.count > 1, let first = ranges.first else { return nil }
        let passes = Dictionary(grouping: ranges.compactMap { $0.proof?.pass }, by: { $0 }).mapValues(\.count)
        guard let pass = passes.max(by: { ($0.value, $0.key) < ($1.value, $1.key) })?.key else { return nil }
        // Rows were added to the open range while the others were proven; they would count as written since.
        let standing = ranges.filter { $0.proof?.pass == pass && $0.range.upper != nil }
        let proofs = Dictionary(keepingFirst: standing.compactMap { range in range.proof.map { (range.range, $0) } })
        let older: (Mark, Mark) -> Bool = { $0.snapshot.xmin < $1.snapshot.xmin }
        guard let source = proofs.values.map(\.source.mark).min(by: older),
            let target = proofs.values.map(\.target.mark).min(by: older)
        else { return nil }
        self.proofs = proofs
        marks = (source, target)
        range = first
        exceptions = Self.runs(ranges.map(\.range).filter { proofs[$0] == nil })
        guard exceptions.count <= Self.mostExceptions else { return nil }
        let reduced = Self.runs(ranges.map(\.range).filter { proofs[$0]?.isReduced == true })
        guard reduced.isEmpty || first.identity != nil else { return nil }
        // Hashing the keys of all rows costs less than checking many conditions for each row.
        self.reduced = reduced.count <= Self.mostExceptions ? reduced : [.everything]
    }

    /// Joins adjacent ranges.
    private static func runs(_ ranges: [KeyRange]) -> [KeyRange] {
        ranges.reduce(into: []) { runs, range in
            guard let last = runs.last, last.upper == range.lower else { return runs.append(range) }
            runs[runs.count - 1] = KeyRange(lower: last.lower, upper: range.upper)
        }
    }

    /// The number of proven rows in ranges from which no row was removed.
    var rows: Int {
        guard reduced != [.everything] else { return 0 }
        return proofs.values.reduce(0) { $0 + ($1.isReduced == true ? 0 : $1.rows) }
    }

    /// Counts a part of the table: all rows, those in proven ranges, of these the ones written since, and of the rest
    /// those in ranges from which rows were removed.
    func look(at part: BlockRange, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        let isExcepted = condition(exceptions)
        return range.rowsWritten(
            since: side == .source ? marks.source : marks.target,
            in: part,
            where: isExcepted.map { "NOT (\($0))" } ?? "true",
            withKeysWhere: condition(reduced).map { "(\($0))" },
            hash,
            side
        )
    }

    private func condition(_ ranges: [KeyRange]) -> SQL? {
        guard let key = range.key, !ranges.isEmpty else { return nil }
        return ranges.map { "(\($0.condition(on: key)))" as SQL }.joined(separator: " OR ")
    }
}
