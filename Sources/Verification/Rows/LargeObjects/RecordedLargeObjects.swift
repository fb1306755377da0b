package import Archive
import Catalog
package import Planning
package import Postgres

/// Compares the target's large objects with what an archive recorded of the source's.
package struct RecordedLargeObjects {
    private let index: RecordedLargeObjectIndex
    private let count: Int
    private let scope: Scope
    private let stop: StopRequest

    /// - Parameters:
    ///   - manifest: The generation.
    ///   - scope: What was to be restored.
    ///   - stop: Asked between two ranges; a request ends the work.
    package init(_ manifest: Manifest, scope: Scope, stop: StopRequest) {
        index = RecordedLargeObjectIndex(manifest)
        count = manifest.largeObjects.count
        self.scope = scope
        self.stop = stop
    }

    /// Compares the large objects.
    ///
    /// - Parameter target: A connection in the snapshot in which the target is verified.
    /// - Returns: What differs.
    /// - Throws: ``PostgresError``.
    package func compare(on target: Connection) throws -> VerificationResult {
        var result = VerificationResult(method: "md5 of large objects, as the archive recorded them")
        var found = 0
        for range in try LargeObjectRange.all(of: target) where !stop.isRequested {
            try during("comparing \(range)") {
                let there = try LargeObjectReader.recorded.read(range, on: target) { error in
                    result.notProven.append("\(range) could not be read: \(error)")
                }
                guard let there else { return }
                found += there.objects.count
                result.findings += LargeObjectDifferences(source: recorded(range), target: there, in: scope).findings
            }
        }
        result.examined = [.init(kind: "large object", source: count, target: found)]
        return result
    }

    private func recorded(_ range: LargeObjectRange) -> LargeObjectReader.Side {
        let entries = index.entries(in: range)
        return LargeObjectReader.Side(
            objects: Dictionary(keepingFirst: entries.map { ($0.object.oid, $0.object) }),
            contents: Dictionary(
                keepingFirst: entries.map { ($0.object.oid, .init(oid: $0.object.oid, bytes: $0.bytes, hash: $0.hash)) }
            )
        )
    }
}
