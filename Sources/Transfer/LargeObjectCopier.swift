import Catalog
import Ledger
import Postgres

/// Makes a range of the target's large objects equal to the source's.
///
/// Changes since a mark cannot be found: the transaction ids are in `pg_largeobject`, which only a superuser may read.
/// So both sides compute a hash of each object, and objects that differ are recreated whole.
struct LargeObjectCopier {
    private static let pageSize = LargeObjectContents.pageSize
    /// The number of pages staged in a temporary table on the target before they are written to their objects.
    private static let pagesAtOnce = 64
    private static let staging: SQL = "pg_temp.large_object_page"

    /// The outcome of a range.
    struct Outcome: Sendable {
        var copied = 0
        var removed = 0
        var bytes = 0
    }

    private let lane: Lane
    private let ledger: Ledger
    private let attributes: LargeObjectAttributes
    private let addBytes: (Int) -> Void

    private typealias Found = LargeObjectContents.Found
    private typealias Content = LargeObjectContents.Content

    /// - Parameters:
    ///   - lane: The connections; the target's is in a transaction, the source's in the snapshot to read.
    ///   - ledger: The ledger on the same connection.
    ///   - attributes: What is copied besides content and comment.
    ///   - addBytes: Called with the bytes of each batch.
    init(lane: Lane, ledger: Ledger, attributes: LargeObjectAttributes, addBytes: @escaping (Int) -> Void) {
        self.lane = lane
        self.ledger = ledger
        self.attributes = attributes
        self.addBytes = addBytes
    }

    func bring(_ range: LargeObjectRange) throws -> Outcome {
        let ours = try LargeObjectContents.read(range, on: lane.source)
        let theirs = try LargeObjectContents.read(range, on: lane.target)
        let differing = ours.values.filter { ours in !isEqual(ours, theirs[ours.object.oid]) }.sorted {
            $0.object.oid < $1.object.oid
        }
        let surplus = theirs.keys.filter { ours[$0] == nil }
        let doomed = (surplus + differing.map(\.object.oid).filter { theirs[$0] != nil }).sorted()
        for oid in doomed { try lane.target.execute("SELECT pg_catalog.lo_unlink(\(oid)::oid)") }
        for found in differing { try lane.target.execute("SELECT pg_catalog.lo_create(\(found.object.oid)::oid)") }
        try copyContent(of: differing.map(\.content))
        for found in differing { try lane.target.dress(found.object, attributes) }
        let outcome = Outcome(
            copied: differing.count,
            removed: surplus.count,
            bytes: differing.reduce(0) { $0 + $1.content.bytes }
        )
        if outcome.copied + outcome.removed > 0 {
            try ledger.record(
                "large objects",
                subject: "\(range): \(outcome.copied) copied, \(outcome.removed) removed",
                count: CopyCount(rows: outcome.copied, bytes: outcome.bytes)
            )
        }
        return outcome
    }

    // MARK: Comparing

    private func isEqual(_ ours: Found, _ theirs: Found?) -> Bool {
        guard let theirs else { return false }
        return ours.content == theirs.content && attributes.areEqual(ours.object, theirs.object)
    }

    // MARK: Copying

    private struct Pages {
        let oid: UInt32
        let numbers: Range<Int>
    }

    private func copyContent(of contents: [Content]) throws {
        var batch: [Pages] = []
        var room = Self.pagesAtOnce
        try lane.target.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS large_object_page (oid oid, number bigint, data bytea) ON COMMIT DROP"
        )
        for content in contents {
            var rest = 0..<(content.bytes + Self.pageSize - 1) / Self.pageSize
            while !rest.isEmpty {
                let numbers = rest.prefix(room)
                batch.append(Pages(oid: content.oid, numbers: numbers))
                room -= numbers.count
                rest = rest.dropFirst(numbers.count)
                if room == 0 {
                    try copy(batch)
                    batch = []
                    room = Self.pagesAtOnce
                }
            }
        }
        try copy(batch)
    }

    private func copy(_ batch: [Pages]) throws {
        guard !batch.isEmpty else { return }
        let list = batch.map { "(\($0.oid)::oid, \($0.numbers.lowerBound), \($0.numbers.upperBound - 1))" as SQL }
            .joined(separator: ", ")
        _ = try lane.source.relay(
            """
            COPY (SELECT v.oid, n.number::bigint, pg_catalog.lo_get(v.oid, n.number::bigint * \(Self.pageSize), \(Self.pageSize))
                  FROM (VALUES \(list)) AS v(oid, first, last)
                  CROSS JOIN LATERAL pg_catalog.generate_series(v.first, v.last) AS n(number)) TO STDOUT \(CopyFormat.binary.clause)
            """,
            to: lane.target,
            "COPY \(Self.staging) (oid, number, data) FROM STDIN \(CopyFormat.binary.clause)",
            progress: addBytes
        )
        try lane.target.execute(
            "SELECT pg_catalog.lo_put(p.oid, p.number * \(Self.pageSize), p.data) FROM \(Self.staging) p"
        )
        try lane.target.execute("TRUNCATE \(Self.staging)")
    }
}
