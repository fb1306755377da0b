package import Archive
package import Catalog
import Ledger
package import Postgres

/// Makes the target's large objects equal to a generation's, range by range, each in one transaction.
///
/// It needs no line in the ledger: objects that are already right are recognized by their hash.
package struct LargeObjectRestorer {
    private static let staging: SQL = "pg_temp.large_object_page"

    private let target: Connection
    private let epoch: Int
    private let attributes: LargeObjectAttributes
    private let generations: [ArchiveDirectory.Generation]

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
    }

    /// Restores a range.
    ///
    /// - Parameter range: The range.
    /// - Returns: The number of objects restored and removed.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func restore(_ range: LargeObjectRange) throws -> (brought: Int, removed: Int) {
        let wanted = (generations.last?.manifest.largeObjects ?? []).filter { range.contains($0.object.oid) }
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
            for oid in surplus + differing.map(\.object.oid).filter({ there[$0] != nil }) {
                try target.execute("SELECT pg_catalog.lo_unlink(\(oid)::oid)")
            }
            for entry in differing { try target.execute("SELECT pg_catalog.lo_create(\(entry.object.oid)::oid)") }
            try load(Set(differing.map(\.object.oid)))
            for entry in differing { try target.dress(entry.object, attributes) }
            return (differing.count, surplus.count)
        }
    }

    /// Loads the content of some objects, each from the last generation that wrote it.
    private func load(_ oids: Set<UInt32>) throws {
        guard !oids.isEmpty else { return }
        try target.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS large_object_page (oid oid, number bigint, data bytea) ON COMMIT DROP"
        )
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
        _ = try target.load("COPY \(Self.staging) (oid, number, data) FROM STDIN \(CopyFormat.text.clause)") { put in
            try FrameReader(file, in: folder).readRows(longest: Manifest.longestPage) { row in
                guard wanted.contains(Array(row.prefix { $0 != UInt8(ascii: "\t") })) else { return }
                try put(row)
            }
        }
        try target.execute(
            """
            SELECT pg_catalog.lo_put(p.oid, p.number * \(LargeObjectContents.pageSize), p.data) FROM \(Self.staging) p
            WHERE pg_catalog.length(p.data) > 0
            """
        )
        try target.execute("TRUNCATE \(Self.staging)")
    }
}

extension LargeObjectRange {
    fileprivate func contains(_ oid: UInt32) -> Bool {
        (lower.map { oid >= $0 } ?? true) && (upper.map { oid < $0 } ?? true)
    }
}
