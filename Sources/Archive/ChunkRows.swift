package import Planning

/// The rows of a chunk at a generation, assembled from the files of all generations up to it.
package struct ChunkRows {
    private struct Source {
        let generation: Int
        let file: FileEntry
    }

    private let folders: [String]
    private let sources: [Source]
    private let keeps: [(generation: Int, file: FileEntry)]
    private let keyFields: [Int]

    /// - Parameters:
    ///   - generations: From the base to the one wanted.
    ///   - table: The table's entry in the last of them.
    ///   - range: The chunk's range.
    /// - Throws: ``ArchiveError`` if no generation contains all of the chunk.
    package init(_ generations: [ArchiveDirectory.Generation], of table: ArchivedTable, _ range: KeyRange) throws {
        folders = generations.map(\.folder)
        let chunks = generations.map { generation in
            generation.manifest.table(table.qualifiedName)?.chunks.first { $0.range == range }
        }
        guard let base = chunks.lastIndex(where: { $0?.isReplaced == true }) else {
            throw ArchiveError(
                .damaged,
                at: generations.last?.folder ?? "",
                "no generation contains all rows of \(table.qualifiedName) \(range)"
            )
        }
        sources = chunks.indices[base...].flatMap { index in
            (chunks[index]?.written ?? []).map { Source(generation: index, file: $0) }
        }
        keeps = chunks.indices[base...].compactMap { index in chunks[index]?.keep.map { (index, $0) } }
        let names = table.key?.parts.map(\.name) ?? []
        keyFields = names.compactMap { table.columns.firstIndex(of: $0) }
        guard keyFields.count == names.count else {
            throw ArchiveError(
                .damaged,
                at: generations.last?.folder ?? "",
                "the key of \(table.qualifiedName) has columns that its files do not contain"
            )
        }
    }

    /// Passes the rows to `body`, in pieces.
    ///
    /// - Parameter body: Takes a piece, valid only during the call, and whether it ends its row (with the newline).
    /// - Throws: ``ArchiveError``, and what `body` throws.
    package func readPieces(_ body: (_ piece: UnsafeRawBufferPointer, _ endsRow: Bool) throws -> Void) throws {
        let lists = try keeps.map { keep in
            (generation: keep.generation, keys: try keys(of: keep.file, keep.generation))
        }
        for source in sources {
            let folder = folders[source.generation]
            // A row is kept if every later list contains its key.
            let later = lists.filter { $0.generation > source.generation }.map(\.keys)
            guard !later.isEmpty else {
                try FrameReader(source.file, in: folder).readPieces(body)
                continue
            }
            try KeptRows(source.file, in: folder, keyFields: keyFields) { key in
                later.allSatisfy { $0.contains(key) }
            }.readPieces(body)
        }
    }

    /// Passes whole rows to `body`, each with its newline and held in memory.
    ///
    /// - Parameter body: Takes a row, valid only during the call.
    /// - Throws: ``ArchiveError``, and what `body` throws.
    package func read(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest: [UInt8] = []
        try readPieces { piece, endsRow in
            guard !rest.isEmpty || !endsRow else { return try body(piece) }
            rest.append(contentsOf: piece)
            guard endsRow else { return }
            try rest.withUnsafeBytes(body)
            rest.removeAll(keepingCapacity: true)
        }
    }

    private func keys(of file: FileEntry, _ generation: Int) throws -> Set<[UInt8]> {
        var keys: Set<[UInt8]> = []
        // Never more than the file can contain: every line has at least a newline.
        keys.reserveCapacity(min(file.rows, file.contentBytes, 1 << 20))
        try FrameReader(file, in: folders[generation]).readRows { row in keys.insert(Array(row.dropLast())) }
        return keys
    }
}
