package import Planning

/// The rows of a chunk at a generation, put together from the files of all generations up to it.
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
    ///   - table: The table, as the last of them has it.
    ///   - range: The chunk.
    /// - Throws: ``ArchiveError`` if no generation holds all of it.
    package init(_ generations: [ArchiveDirectory.Generation], of table: ArchivedTable, _ range: KeyRange) throws {
        folders = generations.map(\.folder)
        let chunks = generations.map { generation in
            generation.manifest.table(table.qualifiedName)?.chunks.first { $0.range == range }
        }
        guard let base = chunks.lastIndex(where: { $0?.isReplaced == true }) else {
            throw ArchiveError(
                .damaged,
                generations.last?.folder ?? "",
                "nowhere holds all of \(table.qualifiedName) \(range)"
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
                generations.last?.folder ?? "",
                "the key of \(table.qualifiedName) is not among its columns"
            )
        }
    }

    /// Hands over the rows, each with its newline.
    ///
    /// - Parameter body: Takes a row, valid only during the call.
    /// - Throws: ``ArchiveError``, and what `body` throws.
    package func read(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let lists = try keeps.map { keep in
            (generation: keep.generation, keys: try keys(of: keep.file, keep.generation))
        }
        for source in sources {
            // A row stays if every later list has its key.
            let later = lists.filter { $0.generation > source.generation }.map(\.keys)
            try FrameReader(source.file, in: folders[source.generation]).readRows { row in
                if !later.isEmpty {
                    let key = key(of: row)
                    guard later.allSatisfy({ $0.contains(key) }) else { return }
                }
                try body(row)
            }
        }
    }

    private func keys(of file: FileEntry, _ generation: Int) throws -> Set<[UInt8]> {
        var keys: Set<[UInt8]> = []
        keys.reserveCapacity(file.rows)
        try FrameReader(file, in: folders[generation]).readRows { row in keys.insert(Array(row.dropLast())) }
        return keys
    }

    /// The key's fields as COPY has them, a tab in between: the same text wherever the same key stands.
    private func key(of row: UnsafeRawBufferPointer) -> [UInt8] {
        let fields = row.dropLast().split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        return Array(keyFields.map { fields[$0] }.joined(separator: [UInt8(ascii: "\t")]))
    }
}
