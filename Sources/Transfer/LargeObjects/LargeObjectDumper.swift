package import Archive
package import Catalog
package import Postgres

/// Writes large objects that are new or have changed into a generation of an archive.
package struct LargeObjectDumper {
    private let source: Connection
    private let writer: GenerationWriter
    private let level: Int

    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - writer: The generation.
    ///   - level: The zstd level.
    package init(_ source: Connection, to writer: GenerationWriter, level: Int) {
        self.source = source
        self.writer = writer
        self.level = level
    }

    /// Writes a range, in the open transaction.
    ///
    /// - Parameters:
    ///   - range: The range.
    ///   - previous: Their entries in the previous generation, by oid.
    /// - Returns: All large objects of the range, and the file with the content of new and changed ones.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func dump(
        _ range: LargeObjectRange,
        since previous: [UInt32: Manifest.LargeObjectEntry]
    ) throws -> (objects: [Manifest.LargeObjectEntry], file: FileEntry?) {
        let found = try LargeObjectContents.read(range, on: source).values.sorted { $0.object.oid < $1.object.oid }
        let changed = found.filter { found in
            let before = previous[found.object.oid]
            return before?.hash != found.content.hash || before?.bytes != found.content.bytes
        }
        let frames = try FrameWriter(Compression(level: level)) { [writer] in try writer.newFile("zst") }
        for found in changed {
            try source.beginCopyOut(Self.pages(of: found.content))
            while try source.nextCopyMessage({ try frames.append($0) }) != nil {}
            try source.endCopyOut()
        }
        let file = try frames.finish().first
        let isWritten = Set(changed.map(\.object.oid))
        let objects = found.map { found in
            Manifest.LargeObjectEntry(
                object: found.object,
                bytes: found.content.bytes,
                hash: found.content.hash,
                file: isWritten.contains(found.object.oid) ? file?.name : nil
            )
        }
        return (objects, file)
    }

    /// COPY of the pages, each with its object and number; an empty page represents an object without content.
    private static func pages(of content: LargeObjectContents.Content) -> SQL {
        let (page, last) = (LargeObjectContents.pageSize, content.bytes / LargeObjectContents.pageSize)
        return """
            COPY (SELECT \(content.oid)::bigint, n.number::bigint, pg_catalog.lo_get(\(content.oid)::oid, n.number::bigint * \(page), \(page))
                  FROM pg_catalog.generate_series(0, \(last)) AS n(number)) TO STDOUT \(CopyFormat.text.clause)
            """
    }
}
