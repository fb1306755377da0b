package import Archive
package import Catalog
package import Ledger
package import Planning
package import Postgres

/// Brings chunks of the source into a generation of an archive.
package struct ChunkDumper {
    private let source: Connection
    private let writer: GenerationWriter
    private let identity: MarkIdentity
    private let hash: RowHash
    private let compression: Compression

    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - writer: The generation.
    ///   - identity: Which database the source is.
    ///   - hash: How rows become fingerprints.
    ///   - compression: How rows become files.
    package init(
        _ source: Connection,
        to writer: GenerationWriter,
        _ identity: MarkIdentity,
        _ hash: RowHash,
        compression: Compression
    ) {
        self.source = source
        self.writer = writer
        self.identity = identity
        self.hash = hash
        self.compression = compression
    }

    /// Writes what has changed in a chunk, in the transaction that is open.
    ///
    /// - Parameters:
    ///   - relation: The chunk's table.
    ///   - range: The chunk.
    ///   - isImmutable: Whether it was declared to change no more.
    ///   - previous: What it was in the generation before; nil: all of it is written.
    /// - Returns: The chunk as the manifest tells it; its files are on disk.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func dump(
        _ relation: RelationEntry,
        _ range: KeyRange,
        isImmutable: Bool,
        since previous: ArchivedChunk?
    ) throws -> ArchivedChunk {
        let chunk = ChunkSource(source, relation: relation, range: range)
        let mark = try relation.takeMark(on: source, identity)
        guard let previous else { return try replace(chunk, mark, isImmutable) }
        guard relation.treatment.isCopiedAhead, let key = relation.key else {
            // Nothing identifies its rows, or it is small: all of it is written, unless it is what it was.
            return try isSame(chunk, as: previous)
                ? Self.unchanged(previous, at: mark) : try replace(chunk, mark, isImmutable)
        }
        guard previous.mark.voidReason(at: mark) == nil else { return try replace(chunk, mark, isImmutable) }
        if isImmutable { return Self.unchanged(previous, at: previous.mark) }
        let probe = try chunk.probe(since: previous.mark)
        // More untouched rows than there were: nobody knows what happened, so nothing of it is built upon.
        // Nor where none is left of them.
        guard probe.untouched <= previous.rows, probe.untouched > 0 || previous.rows == 0 else {
            return try replace(chunk, mark, isImmutable)
        }
        if probe.written == 0, probe.untouched == previous.rows { return Self.unchanged(previous, at: mark) }
        let keep =
            probe.untouched < previous.rows
            ? try write(chunk.keys(key, written: false, since: previous.mark), isSplit: false).first : nil
        let written = probe.written > 0 ? try write(chunk.writtenRows(since: previous.mark)) : []
        guard keep.map({ $0.rows == probe.untouched }) ?? true, written.reduce(0, { $0 + $1.rows }) == probe.written
        else {
            throw PostgresError(
                .copyFailed,
                "\(relation.name): the rows counted and the rows read in one snapshot differ",
                hint: "the source gives different answers in the same snapshot: check its indexes with amcheck"
            )
        }
        // Not reckoned from what has come and gone: the rows as they are must be what a restore makes of the archive.
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

    private func replace(_ chunk: ChunkSource, _ mark: Mark, _ isImmutable: Bool) throws -> ArchivedChunk {
        var sum = LineSum()
        let written = try write(chunk.allRows) { sum.add($0) }
        // What is generated and stored is not copied, and to be proven all the same.
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

    /// Where there is no row there is no file either.
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
