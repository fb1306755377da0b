import Catalog
import Planning
import Postgres

/// A table most of whose ranges were proven ahead; they are checked together by reading it in full.
///
/// The rule is the same as for one range: rows not written since the mark of their range are a subset of the proven ones, so
/// if their number is unchanged, they are all there. No index is used, so the same read also finds rows that a damaged
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
    /// The conditions that select rows written since the mark of their range, on either side.
    private let isWritten: (source: SQL, target: SQL)

    /// Returns nil if the ranges have to be checked one by one.
    ///
    /// - Parameter ranges: All ranges of one table.
    init?(_ ranges: [ComparedRange]) {
        guard ranges.count > 1, let ranges = KeyRange.inOrder(ranges, \.range), let first = ranges.first,
            let key = first.key
        else { return nil }
        let proofs = Dictionary(keepingFirst: ranges.compactMap { range in range.proof.map { (range.range, $0) } })
        guard
            let ours = Self.isWritten(ranges.map { ($0.range, $0.proof?.source.mark) }, key),
            let theirs = Self.isWritten(ranges.map { ($0.range, $0.proof?.target.mark) }, key)
        else { return nil }
        self.proofs = proofs
        isWritten = (ours, theirs)
        range = first
        exceptions = Self.runs(ranges.map(\.range).filter { proofs[$0] == nil })
        guard exceptions.count <= Self.mostExceptions else { return nil }
        let reduced = Self.runs(ranges.map(\.range).filter { proofs[$0]?.isReduced == true })
        guard reduced.isEmpty || first.identity != nil else { return nil }
        // Hashing the keys of all rows costs less than checking many conditions for each row.
        self.reduced = reduced.count <= Self.mostExceptions ? reduced : [.everything]
    }

    /// Rows older than all marks are told apart by one comparison; only for the others the mark of their range is looked up.
    ///
    /// - Returns: nil if no range has a mark.
    private static func isWritten(_ marks: [(range: KeyRange, mark: Mark?)], _ key: Key) -> SQL? {
        guard let oldest = marks.compactMap(\.mark).min(by: { $0.snapshot.xmin < $1.snapshot.xmin }) else { return nil }
        let isNew = ProofRule.isWritten(since: oldest)
        guard Set(marks.compactMap { $0.mark?.snapshot.xmin }).count > 1 else { return isNew }
        let ofRange = marks.map { (range: $0.range, value: ProofRule.isWritten(since: $0.mark ?? oldest)) }
        return "(\(isNew) AND \(KeyRange.choice(among: ofRange, by: key)))"
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
            side == .source ? isWritten.source : isWritten.target,
            in: part,
            where: isExcepted.map { "NOT (\($0))" } ?? "true",
            withKeysWhere: condition(reduced).map { "(\($0))" },
            hash,
            on: side
        )
    }

    private func condition(_ ranges: [KeyRange]) -> SQL? {
        guard let key = range.key, !ranges.isEmpty else { return nil }
        return ranges.map { "(\($0.condition(on: key)))" as SQL }.joined(separator: " OR ")
    }
}
