import Catalog
import Planning
import Postgres

/// Finds the differing rows of a range by merging both sides' keys and hashes.
struct RowDifferences {
    let range: ComparedRange
    let key: Key
    let hash: RowHash
    let limit: Int
    let showsValues: Bool
    /// Set if others write to the target.
    let live: LiveTarget?

    private struct Entry {
        /// The key's text in hexadecimal, which sorts like its bytes.
        let key: String
        let hash: String
        /// Whether others have written it on the target since the cutover.
        let isWritten: Bool
    }

    /// What was found.
    struct Outcome {
        /// The first differing rows.
        var named: [Finding] = []
        /// How many more differ.
        var rest = 0
        /// What was left out, because others write to the target.
        var changes = LiveTarget.Changes()
    }

    /// Compares the rows of the range.
    ///
    /// - Returns: The differing rows.
    /// - Throws: ``PostgresError``.
    func find(_ pair: VerificationPair) throws -> Outcome {
        var differing: [String] = []
        var outcome = Outcome()
        func add(_ entry: Entry, problem: Finding.Problem, _ message: String) {
            guard outcome.named.count + differing.count < limit else { return outcome.rest += 1 }
            outcome.named.append(finding(entry.key, problem: problem, message))
        }
        try pair.source.beginCopyOut(range.keysAndHashes(of: key, hash, .source))
        try pair.target.beginCopyOut(range.keysAndHashes(of: key, hash, writtenSince: live?.mark, .target))
        var source = try next(pair.source)
        var target = try next(pair.target)
        while source != nil || target != nil {
            switch (source, target) {
            case (let here?, let there?) where here.key == there.key:
                if here.hash != there.hash, there.isWritten {
                    outcome.changes.changed += 1
                } else if here.hash != there.hash {
                    if outcome.named.count + differing.count < limit {
                        differing.append(here.key)
                    } else {
                        outcome.rest += 1
                    }
                }
                source = try next(pair.source)
                target = try next(pair.target)
            case (let here?, let there) where there.map({ here.key < $0.key }) ?? true:
                if live == nil {
                    add(here, problem: .missing, "the row is missing on the target")
                } else {
                    outcome.changes.missing += 1
                }
                source = try next(pair.source)
            default:
                if let there = target, there.isWritten {
                    outcome.changes.added += 1
                } else if let there = target {
                    add(there, problem: .extra, "the target has a row the source does not have")
                }
                target = try next(pair.target)
            }
        }
        try pair.source.endCopyOut()
        try pair.target.endCopyOut()
        outcome.named += try changed(differing, pair)
        return outcome
    }

    /// Finds the columns in which rows differ.
    private func changed(_ keys: [String], _ pair: VerificationPair) throws -> [Finding] {
        guard !keys.isEmpty else { return [] }
        let ours = try RowValues(range: range, key: key, showsValues: showsValues).read(
            keys,
            of: .source,
            on: pair.source
        )
        let theirs = try RowValues(range: range, key: key, showsValues: showsValues).read(
            keys,
            of: .target,
            on: pair.target
        )
        return keys.map { hexKey in
            guard let here = ours[hexKey], let there = theirs[hexKey] else {
                return finding(hexKey, problem: "differ", "the row differs")
            }
            let columns = range.columns.map(\.name).indices.filter { here.digests[$0] != there.digests[$0] }
            guard !columns.isEmpty else { return finding(hexKey, problem: "differ", "the row differs") }
            let names = columns.map { range.columns[$0].identifier.description }.joined(separator: ", ")
            // Without `showsValues`, a value is still shown if one side is NULL.
            let showsAll = showsValues || columns.contains { here.shown[$0] == nil || there.shown[$0] == nil }
            func described(_ row: RowValues.Values) -> String? {
                guard showsAll else { return nil }
                return
                    columns.map { "\(range.columns[$0].identifier.description) = \(row.shown[$0]?.visible ?? "NULL")" }
                    .joined(separator: ", ")
            }
            return finding(
                hexKey,
                problem: "value",
                "its \(names) \(columns.count == 1 ? "differs" : "differ")",
                source: described(here),
                target: described(there)
            )
        }
    }

    private func finding(
        _ hexKey: String,
        problem: Finding.Problem,
        _ message: String,
        source: String? = nil,
        target: String? = nil
    ) -> Finding {
        let names = key.columns.map(\.description).joined(separator: ", ")
        let object = "\(range.table) (\(names)) = \(Self.text(ofHex: hexKey))"
        return Finding(
            "rows",
            object: object,
            problem: problem,
            severity: .stops,
            message,
            source: source,
            target: target
        )
    }

    private func next(_ connection: Connection) throws -> Entry? {
        var entry: Entry?
        let length = try connection.nextCopyMessage { bytes in
            let fields = bytes.dropLast().split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
            guard fields.count == 3 else { return }
            entry = Entry(
                key: String(decoding: fields[0], as: UTF8.self),
                hash: String(decoding: fields[1], as: UTF8.self),
                isWritten: fields[2].elementsEqual([UInt8(ascii: "t")])
            )
        }
        guard length != nil else { return nil }
        guard let entry else { throw PostgresError(.unexpectedAnswer, "cannot parse a line of keys and hashes") }
        return entry
    }

    private static func text(ofHex hex: String) -> String {
        let digits = Array(hex.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
        }
        return String(decoding: bytes, as: UTF8.self).visible
    }
}
