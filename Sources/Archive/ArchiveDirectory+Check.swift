/// Checks a whole generation without a server.
extension ArchiveDirectory {
    /// Checks every file of a generation against its manifest.
    ///
    /// - Parameter generation: The generation.
    /// - Throws: ``ArchiveError``, naming the file.
    package static func check(_ generation: Generation) throws {
        let manifest = generation.manifest
        try KnownFile(manifest.definitions, in: generation.folder).read { _ in }
        _ = try ArchivedCatalog(of: generation)
        for file in manifest.largeObjectFiles { try FrameReader(file, in: generation.folder).read { _ in } }
        for table in manifest.extensionTables ?? [] { try table.readPieces(in: generation.folder) { _, _ in } }
        for table in manifest.tables {
            for chunk in table.chunks { try check(chunk, of: table, in: generation.folder) }
        }
    }

    private static func check(_ chunk: ArchivedChunk, of table: ArchivedTable, in folder: String) throws {
        if let keep = chunk.keep { try FrameReader(keep, in: folder).read { _ in } }
        guard chunk.isReplaced, chunk.fingerprintOf == .line else {
            for written in chunk.written { try FrameReader(written, in: folder).read { _ in } }
            // Each file has as many rows as its entry says; together they must be the chunk's.
            let rows = chunk.written.reduce(0) { $0 + $1.rows }
            guard !chunk.isReplaced || rows == chunk.rows else {
                throw differs(chunk, of: table, in: folder, "\(rows) rows instead of \(chunk.rows)")
            }
            return
        }
        var sum = LineSum()
        for written in chunk.written { try FrameReader(written, in: folder).readPieces { sum.add($0, endsLine: $1) } }
        guard sum.rows == chunk.rows, sum.fingerprint == chunk.fingerprint else {
            throw differs(chunk, of: table, in: folder, "fingerprint mismatch")
        }
    }

    private static func differs(
        _ chunk: ArchivedChunk,
        of table: ArchivedTable,
        in folder: String,
        _ reason: String
    ) -> ArchiveError {
        ArchiveError(
            .damaged,
            at: chunk.written.first.map { "\(folder)/\($0.name)" } ?? folder,
            "the rows of \(table.qualifiedName) \(chunk.range) differ from the manifest: \(reason)"
        )
    }
}
