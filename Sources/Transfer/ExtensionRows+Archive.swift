package import Archive
package import Catalog
package import Postgres

extension ExtensionRows {
    /// Writes a table's rows into a generation.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - source: A connection to its database, with an open snapshot.
    ///   - writer: The generation.
    ///   - compression: How rows are compressed into files.
    /// - Returns: Its entry for the manifest.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package static func dump(
        _ table: ExtensionTable,
        on source: Connection,
        to writer: GenerationWriter,
        _ compression: Compression
    ) throws -> ArchivedExtensionTable {
        guard !table.isSequence else {
            return ArchivedExtensionTable(try ExtensionContents(table, on: source), written: [])
        }
        var sum = LineSum()
        let frames = try FrameWriter(compression) { try writer.newFile("zst") }
        try source.beginCopyOut(try table.copyOut())
        while let _ = try source.nextCopyMessage({ row in
            sum.add(row)
            try frames.append(row)
        }) {}
        try source.endCopyOut()
        let contents = ExtensionContents(table: table, rows: sum.rows, fingerprint: sum.fingerprint, position: nil)
        return ArchivedExtensionTable(contents, written: try frames.finish())
    }
}
