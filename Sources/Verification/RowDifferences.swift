import Catalog
import Planning
import Postgres

/// Finds the rows by which a range differs: both sides' keys and hashes, merged.
struct RowDifferences {
    let range: ComparedRange
    let key: Key
    let hash: RowHash
    let limit: Int

    private struct Entry {
        /// The key's text, in hexadecimal: sorts like its bytes.
        let key: String
        let hash: String
    }

    func findings(_ pair: VerificationPair) throws -> [Finding] {
        var findings: [Finding] = []
        try pair.source.beginCopyOut(range.keysAndHashes(key, hash, .source))
        try pair.target.beginCopyOut(range.keysAndHashes(key, hash, .target))
        var source = try next(pair.source)
        var target = try next(pair.target)
        while source != nil || target != nil {
            switch (source, target) {
            case (let here?, let there?) where here.key == there.key:
                if here.hash != there.hash { findings.append(finding(here.key, "the row differs")) }
                source = try next(pair.source)
                target = try next(pair.target)
            case (let here?, let there) where there.map({ here.key < $0.key }) ?? true:
                findings.append(finding(here.key, "the row is missing on the target"))
                source = try next(pair.source)
            default:
                if let there = target {
                    findings.append(finding(there.key, "the target has a row the source does not have"))
                }
                target = try next(pair.target)
            }
        }
        try pair.source.endCopyOut()
        try pair.target.endCopyOut()
        return findings.count <= limit ? findings : shortened(findings)
    }

    private func shortened(_ findings: [Finding]) -> [Finding] {
        let rest = findings.count - limit
        return findings.prefix(limit)
            + [Finding("rows", range.table.description, .stops, "\(rest) more rows differ in \(range.range)")]
    }

    private func finding(_ hexKey: String, _ message: String) -> Finding {
        let names = key.parts.map(\.name).joined(separator: ", ")
        return Finding("rows", "\(range.table) (\(names)) = \(Self.text(ofHex: hexKey))", .stops, message)
    }

    private func next(_ connection: Connection) throws -> Entry? {
        var entry: Entry?
        let length = try connection.nextCopyMessage { bytes in
            let fields = bytes.dropLast().split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
            guard fields.count == 2 else { return }
            entry = Entry(
                key: String(decoding: fields[0], as: UTF8.self),
                hash: String(decoding: fields[1], as: UTF8.self)
            )
        }
        guard length != nil else { return nil }
        guard let entry else { throw PostgresError(.unexpectedAnswer, "a line of keys and hashes is not understood") }
        return entry
    }

    private static func text(ofHex hex: String) -> String {
        let digits = Array(hex.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
