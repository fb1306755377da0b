package import Archive
package import Catalog
import Ledger
package import Postgres

/// Makes the target's large objects equal to a generation's, range by range, each in one transaction.
///
/// It needs no line in the ledger: objects that are already right are recognized by their hash.
package struct LargeObjectRestorer {
    private let target: Connection
    private let epoch: Int
    private let attributes: LargeObjectAttributes
    private let generations: [ArchiveDirectory.Generation]
    private let wanted: RecordedLargeObjectIndex?

    /// - Parameters:
    ///   - target: A connection to the target.
    ///   - epoch: This client's epoch.
    ///   - attributes: What is restored besides content and comment.
    ///   - generations: From the base to the one wanted.
    package init(
        _ target: Connection,
        epoch: Int,
        attributes: LargeObjectAttributes,
        generations: [ArchiveDirectory.Generation]
    ) {
        self.target = target
        self.epoch = epoch
        self.attributes = attributes
        self.generations = generations
        wanted = generations.last.map { RecordedLargeObjectIndex($0.manifest) }
    }

    /// Restores a range.
    ///
    /// - Parameter range: The range.
    /// - Returns: The number of objects restored and removed.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func restore(_ range: LargeObjectRange) throws -> (copied: Int, removed: Int) {
        let wanted = self.wanted?.entries(in: range) ?? []
        return try target.transaction(.readWrite) {
            let ledger = Ledger(target, epoch: epoch)
            try ledger.fence()
            let there = try LargeObjectContents.read(range, on: target)
            let differing = wanted.filter { entry in
                guard let found = there[entry.object.oid] else { return true }
                return found.content.hash != entry.hash || found.content.bytes != entry.bytes
                    || !attributes.areEqual(entry.object, found.object)
            }
            let oids = Set(wanted.map(\.object.oid))
            let surplus = there.keys.filter { !oids.contains($0) }
            let outdated = differing.map(\.object.oid).filter { there[$0] != nil }
            let replacement = LargeObjectReplacement(on: target, ledger, attributes)
            try replacement.replace(removing: surplus + outdated, creating: differing.map(\.object)) {
                try load(Set(differing.map(\.object.oid)), into: replacement)
            }
            return (differing.count, surplus.count)
        }
    }

    /// Loads the content of some objects, each from the last generation that wrote it.
    private func load(_ oids: Set<UInt32>, into replacement: LargeObjectReplacement) throws {
        var left = oids
        for generation in generations.reversed() where !left.isEmpty {
            let written = generation.manifest.largeObjects.filter { $0.file != nil && left.contains($0.object.oid) }
            let files = Dictionary(keepingFirst: generation.manifest.largeObjectFiles.map { ($0.name, $0) })
            for (name, objects) in Dictionary(grouping: written, by: { $0.file ?? "" }).sorted(by: { $0.key < $1.key })
            {
                guard let file = files[name] else {
                    throw ArchiveError(
                        .damaged,
                        at: generation.folder,
                        "the manifest refers to a file of large objects, \(name), that it does not list"
                    )
                }
                try load(Set(objects.map { "\($0.object.oid)" }), of: file, in: generation.folder)
                try replacement.writeStagedPages()
                left.subtract(objects.map(\.object.oid))
            }
        }
        guard let missing = left.min() else { return }
        throw ArchiveError(
            .damaged,
            at: generations.last?.folder ?? "",
            "no generation contains the content of large object \(missing)"
        )
    }

    private func load(_ oids: Set<String>, of file: FileEntry, in folder: String) throws {
        let wanted = Set(oids.map { Array($0.utf8) })
        _ = try target.load("COPY \(LargeObjectReplacement.staging) FROM STDIN \(CopyFormat.text.clause)") { put in
            try FrameReader(file, in: folder).readRows(longest: Manifest.longestPage) { row in
                guard wanted.contains(Array(row.prefix { $0 != UInt8(ascii: "\t") })) else { return }
                try put(row)
            }
        }
    }
}
