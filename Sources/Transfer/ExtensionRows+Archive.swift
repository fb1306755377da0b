package import Archive
package import Catalog
package import Postgres

extension ExtensionRows {
    /// Writes a table's rows into a generation.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - source: Its database, with an open snapshot.
    ///   - writer: The generation.
    ///   - compression: How files are made.
    /// - Returns: Its entry in the manifest.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package static func dump(
        _ table: ExtensionTable,
        on source: Connection,
        to writer: GenerationWriter,
        _ compression: Compression
    ) throws -> ArchivedExtensionTable {
        guard !table.isSequence else {
            let wanted = try Wanted(table, on: source)
            return ArchivedExtensionTable(table, rows: 0, fingerprint: "", position: wanted.position, written: [])
        }
        var sum = LineSum()
        let frames = try FrameWriter(compression) { try writer.newFile("zst") }
        try source.beginCopyOut(try table.copyOut())
        while let _ = try source.nextCopyMessage({ row in
            sum.add(row)
            try frames.append(row)
        }) {}
        try source.endCopyOut()
        return ArchivedExtensionTable(
            table,
            rows: sum.rows,
            fingerprint: sum.fingerprint,
            position: nil,
            written: try frames.finish()
        )
    }
}

extension ExtensionRows.Wanted {
    /// What a generation holds.
    package init(_ archived: ArchivedExtensionTable) {
        self.init(
            table: archived.table,
            rows: archived.rows,
            fingerprint: archived.fingerprint,
            position: archived.position
        )
    }
}
