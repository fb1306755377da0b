import Catalog
import Ledger
import Planning
import Postgres

/// Makes a range of the target's large objects equal to the source's.
///
/// Changes since a mark cannot be found: the transaction ids are in `pg_largeobject`, which only a superuser may read.
/// So both sides compute a hash of each object, and objects that differ are recreated whole.
struct LargeObjectCopier {
    private static let pageSize = LargeObjectContents.pageSize
    /// The number of pages staged in a temporary table on the target before they are written to their objects.
    private static let pagesAtOnce = 64

    /// The outcome of a range.
    struct Outcome: Sendable {
        var copied = 0
        var removed = 0
        var bytes = 0
    }

    private let lane: Lane
    private let ledger: Ledger?
    private let attributes: LargeObjectAttributes
    /// Whether the target's objects may belong to others: none of them is replaced or removed.
    private let onlyAdds: Bool
    private let addBytes: (Int) -> Void

    private typealias Found = LargeObjectContents.Found
    private typealias Content = LargeObjectContents.Content

    /// - Parameters:
    ///   - lane: The connections; the target's is in a transaction, the source's in the snapshot to read.
    ///   - ledger: The ledger on the same connection; nil if the target has none.
    ///   - attributes: What is copied besides content and comment.
    ///   - onlyAdds: Whether the target's objects may belong to others: none of them is replaced or removed.
    ///   - addBytes: Called with the bytes of each batch.
    init(
        lane: Lane,
        ledger: Ledger?,
        attributes: LargeObjectAttributes,
        onlyAdds: Bool = false,
        addBytes: @escaping (Int) -> Void
    ) {
        self.lane = lane
        self.ledger = ledger
        self.attributes = attributes
        self.onlyAdds = onlyAdds
        self.addBytes = addBytes
    }

    /// Makes the target's objects of a range equal to the source's.
    ///
    /// - Parameter range: The range.
    /// - Returns: What was done.
    /// - Throws: ``LedgerError`` if an object that may belong to others would have to be replaced; ``PostgresError``.
    func copy(_ range: LargeObjectRange) throws -> Outcome {
        let ours = try LargeObjectContents.read(range, on: lane.source)
        let theirs = try LargeObjectContents.read(range, on: lane.target)
        let differing = ours.values.filter { ours in !isEqual(ours, theirs[ours.object.oid]) }.sorted {
            $0.object.oid < $1.object.oid
        }
        let surplus = onlyAdds ? [] : theirs.keys.filter { ours[$0] == nil }
        let outdated = differing.map(\.object.oid).filter { theirs[$0] != nil }
        guard !onlyAdds || outdated.isEmpty else {
            throw LedgerError(
                .targetWritten,
                "large object \(outdated[0]) differs between the two databases, and others use those of the old one",
                hint: "nothing was changed. Decide which is right, and make them equal by hand; "
                    + "\(Omission.largeObjects.flag) leaves all of them as they are"
            )
        }
        let replacement = LargeObjectReplacement(on: lane.target, ledger, attributes)
        try replacement.replace(removing: surplus + outdated, creating: differing.map(\.object)) {
            try copyContent(of: differing.map(\.content), to: replacement)
        }
        let outcome = Outcome(
            copied: differing.count,
            removed: surplus.count,
            bytes: differing.reduce(0) { $0 + $1.content.bytes }
        )
        if outcome.copied + outcome.removed > 0 {
            try ledger?.record(
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

    private func copyContent(of contents: [Content], to replacement: LargeObjectReplacement) throws {
        var batch: [Pages] = []
        var room = Self.pagesAtOnce
        for content in contents {
            var rest = 0..<(content.bytes + Self.pageSize - 1) / Self.pageSize
            while !rest.isEmpty {
                let numbers = rest.prefix(room)
                batch.append(Pages(oid: content.oid, numbers: numbers))
                room -= numbers.count
                rest = rest.dropFirst(numbers.count)
                if room == 0 {
                    try copy(batch, to: replacement)
                    batch = []
                    room = Self.pagesAtOnce
                }
            }
        }
        try copy(batch, to: replacement)
    }

    private func copy(_ batch: [Pages], to replacement: LargeObjectReplacement) throws {
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
            "COPY \(LargeObjectReplacement.staging) FROM STDIN \(CopyFormat.binary.clause)",
            progress: addBytes
        )
        try replacement.writeStagedPages()
    }
}
