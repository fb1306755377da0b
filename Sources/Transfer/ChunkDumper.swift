package import Archive
package import Catalog
package import Ledger
package import Planning
package import Postgres

/// Writes chunks of the source into a generation of an archive.
package struct ChunkDumper {
    private let source: Connection
    private let writer: GenerationWriter
    private let identity: MarkIdentity
    private let hash: RowHash
    private let compression: Compression

    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - writer: The generation.
    ///   - identity: The identity of the source database.
    ///   - hash: How rows are hashed for fingerprints.
    ///   - compression: How rows are compressed into files.
    package init(
        _ source: Connection,
        to writer: GenerationWriter,
        identity: MarkIdentity,
        hash: RowHash,
        compression: Compression
    ) {
        self.source = source
        self.writer = writer
        self.identity = identity
        self.hash = hash
        self.compression = compression
    }

    /// Writes what has changed in a chunk, in the open transaction.
    ///
    /// - Parameters:
    ///   - relation: The chunk's table.
    ///   - range: The chunk's range.
    ///   - isImmutable: Whether the operator declared that it no longer changes.
    ///   - previous: The chunk in the previous generation; nil: all of it is written.
    /// - Returns: The chunk's entry for the manifest; its files are on disk.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func dump(
        _ relation: RelationEntry,
        _ range: KeyRange,
        isImmutable: Bool,
        since previous: ArchivedChunk?
    ) throws -> ArchivedChunk {
        let chunk = ChunkSource(source, relation: relation, range: range)
        let mark = try relation.takeMark(on: source, identity)
        guard let previous else { return try replace(chunk, at: mark, isImmutable: isImmutable) }
        guard let key = relation.keyOfDelta else {
            // Nothing identifies its rows, or it is small: all of it is written unless it is unchanged.
            return try isSame(chunk, as: previous)
                ? Self.unchanged(previous, at: mark) : try replace(chunk, at: mark, isImmutable: isImmutable)
        }
        guard previous.mark.voidReason(at: mark) == nil else {
            return try replace(chunk, at: mark, isImmutable: isImmutable)
        }
        if isImmutable { return Self.unchanged(previous, at: previous.mark) }
        let probe = try chunk.probe(since: previous.mark)
        // More untouched rows than the chunk had: the reason is unknown, so the chunk is written whole. It is also
        // written whole when no untouched row is left.
        guard probe.untouched <= previous.rows, probe.untouched > 0 || previous.rows == 0 else {
            return try replace(chunk, at: mark, isImmutable: isImmutable)
        }
        if probe.written == 0, probe.untouched == previous.rows { return Self.unchanged(previous, at: mark) }
        let keep =
            probe.untouched < previous.rows
            ? try write(chunk.untouchedKeys(key, since: previous.mark), isSplit: false).first : nil
        let written =
            probe.written > 0 ? try chunk.writtenRows(since: previous.mark, at: nil).flatMap { try write($0) } : []
        guard keep.map({ $0.rows == probe.untouched }) ?? true, written.reduce(0, { $0 + $1.rows }) == probe.written
        else {
            throw PostgresError(
                .copyFailed,
                "\(relation.name): the rows counted and the rows read in one snapshot differ",
                hint: "the source gives different answers in the same snapshot: check its indexes with amcheck"
            )
        }
        // Computed from the rows themselves, not from what came and went: a restore of the archive must produce
        // exactly these rows.
        let fingerprint = try chunk.fingerprint(hash)
        return ArchivedChunk(
            range: range,
            mark: mark,
            isImmutable: isImmutable,
            rows: fingerprint.rows,
            fingerprint: fingerprint.sum,
            of: .values,
            isReplaced: false,
            keep: keep,
            written: written
        )
    }

    private func replace(_ chunk: ChunkSource, at mark: Mark, isImmutable: Bool) throws -> ArchivedChunk {
        var sum = LineSum()
        let written = try write(chunk.allRows) { sum.add($0) }
        // Stored generated columns are not copied but have to be proven as well.
        let isCopiedWhole = chunk.relation.definition.copiedColumns.count == chunk.relation.definition.heldColumns.count
        let values = isCopiedWhole ? nil : try chunk.fingerprint(hash)
        guard values.map({ $0.rows == sum.rows }) ?? true else {
            throw PostgresError(
                .copyFailed,
                "\(chunk.relation.name): \(sum.rows) rows were read but \(values?.rows ?? 0) were counted in one snapshot",
                hint: "the source gives different answers in the same snapshot: check its indexes with amcheck"
            )
        }
        return ArchivedChunk(
            range: chunk.range,
            mark: mark,
            isImmutable: isImmutable,
            rows: sum.rows,
            fingerprint: values?.sum ?? sum.fingerprint,
            of: values == nil ? .line : .values,
            isReplaced: true,
            keep: nil,
            written: written
        )
    }

    private static func unchanged(_ previous: ArchivedChunk, at mark: Mark) -> ArchivedChunk {
        ArchivedChunk(
            range: previous.range,
            mark: mark,
            isImmutable: previous.isImmutable,
            rows: previous.rows,
            fingerprint: previous.fingerprint,
            of: previous.fingerprintOf,
            isReplaced: false,
            keep: nil,
            written: []
        )
    }

    private func isSame(_ chunk: ChunkSource, as previous: ArchivedChunk) throws -> Bool {
        switch previous.fingerprintOf {
        case .line:
            let now = try chunk.lineSum()
            return now.rows == previous.rows && now.fingerprint == previous.fingerprint
        case .values:
            let now = try chunk.fingerprint(hash)
            return now.rows == previous.rows && now.sum == previous.fingerprint
        }
    }

    /// Writes the rows of a COPY into files; no rows, no file.
    private func write(
        _ copyOut: SQL,
        isSplit: Bool = true,
        _ look: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) throws -> [FileEntry] {
        var compression = compression
        if !isSplit { compression.fileBytes = nil }
        let frames = try FrameWriter(compression) { [writer] in try writer.newFile("zst") }
        try source.beginCopyOut(copyOut)
        while let _ = try source.nextCopyMessage({ row in
            look(row)
            try frames.append(row)
        }) {}
        let rows = try source.endCopyOut()
        let files = try frames.finish()
        let arrived = files.reduce(0) { $0 + $1.rows }
        guard rows == arrived else {
            throw PostgresError(.copyFailed, "the source sent \(rows) rows, but \(arrived) arrived")
        }
        return files
    }
}

extension RelationEntry {
    /// The key by which only what has changed is written; nil if the table is written whole.
    fileprivate var keyOfDelta: Key? {
        switch treatment {
        case .delta, .appendOnly: key
        case .whole, .definitionOnly, .excluded: nil
        }
    }
}
