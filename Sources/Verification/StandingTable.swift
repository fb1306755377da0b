import Catalog
import Ledger
import Planning
import Postgres

/// A table most of whose ranges were proven ahead, all in one pass: they are looked at together, by reading it from end
/// to end.
///
/// The rule is that of one range: rows not written since the oldest of the marks are a subset of those that were
/// proven; as many as these means all of them. No index has a part in it, so this is the count that finds what a
/// damaged one hides, too.
struct StandingTable: Sendable {
    /// More conditions for each row would cost what is saved.
    private static let mostExceptions = 4

    let range: ComparedRange
    /// The ranges that are to stand, with the proof of each.
    let proofs: [KeyRange: ChunkProof]
    /// All others.
    private let exceptions: [KeyRange]
    /// Those of the ranges that are to stand from which rows have gone.
    private let reduced: [KeyRange]
    /// The oldest mark on either side.
    private let marks: (source: Mark, target: Mark)

    /// nil where the ranges have to be looked at one by one.
    ///
    /// - Parameter ranges: All ranges of one table, in the order of the key.
    init?(_ ranges: [ComparedRange]) {
        guard ranges.count > 1, let first = ranges.first else { return nil }
        let passes = Dictionary(grouping: ranges.compactMap { $0.proof?.pass }, by: { $0 }).mapValues(\.count)
        guard let pass = passes.max(by: { ($0.value, $0.key) < ($1.value, $1.key) })?.key else { return nil }
        // Rows came to the open end while the others were proven: they would count as written since.
        let standing = ranges.filter { $0.proof?.pass == pass && $0.range.upper != nil }
        let proofs = Dictionary(
            standing.compactMap { range in range.proof.map { (range.range, $0) } },
            uniquingKeysWith: { first, _ in first }
        )
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
        // Hashing the keys of all rows costs less than asking of each whether it must be.
        self.reduced = reduced.count <= Self.mostExceptions ? reduced : [.everything]
    }

    /// Neighbours put together.
    private static func runs(_ ranges: [KeyRange]) -> [KeyRange] {
        ranges.reduce(into: []) { runs, range in
            guard let last = runs.last, last.upper == range.lower else { return runs.append(range) }
            runs[runs.count - 1] = KeyRange(lower: last.lower, upper: range.upper)
        }
    }

    /// How many rows were proven where none has gone.
    var rows: Int {
        guard reduced != [.everything] else { return 0 }
        return proofs.values.reduce(0) { $0 + ($1.isReduced == true ? 0 : $1.rows) }
    }

    /// Counts a part of the table: all rows, those in the ranges that are to stand, of these the ones written since,
    /// and the others where rows have gone.
    func look(at part: BlockRange, _ hash: RowHash, _ side: Endpoint.Side) -> SQL {
        let isExcepted = condition(exceptions)
        return range.rowsWritten(
            since: side == .source ? marks.source : marks.target,
            in: part,
            where: isExcepted.map { "NOT (\($0))" } ?? "true",
            tellingKeysWhere: condition(reduced).map { "(\($0))" },
            hash,
            side
        )
    }

    private func condition(_ ranges: [KeyRange]) -> SQL? {
        guard let key = range.key, !ranges.isEmpty else { return nil }
        return ranges.map { "(\($0.condition(on: key)))" as SQL }.joined(separator: " OR ")
    }
}
