package import Archive
package import Ledger
import Planning
package import Postgres

/// What workers need to know about the archive they restore.
package struct RestoreContext: Sendable {
    let epoch: Int
    let relations: [Int: RelationEntry]
    /// The generation wanted.
    let last: Int
    let folders: [String]
    /// By generation, table and range.
    private let chunks: [[QualifiedName: [KeyRange: ArchivedChunk]]]
    private let columns: [[QualifiedName: [ServerText]]]

    /// - Parameters:
    ///   - generations: From the base to the one wanted.
    ///   - relations: The ledger's tables.
    ///   - epoch: This client's epoch.
    package init(_ generations: [ArchiveDirectory.Generation], relations: [RelationEntry], epoch: Int) {
        self.epoch = epoch
        self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
        last = generations.count - 1
        folders = generations.map(\.folder)
        chunks = generations.map { generation in
            Dictionary(
                keepingFirst: generation.manifest.tables.map { table in
                    let chunks = table.chunks.map { ($0.range, $0) }
                    return (table.qualifiedName, Dictionary(chunks, uniquingKeysWith: { first, _ in first }))
                }
            )
        }
        columns = generations.map { generation in
            Dictionary(keepingFirst: generation.manifest.tables.map { ($0.qualifiedName, $0.columns) })
        }
    }

    /// The tables whose chunks must shed all before any loads, with their ids.
    var settled: [Int] {
        relations.values.filter { $0.hasOtherUniqueKeys && $0.treatment.isCopiedAhead }.map(\.relationId)
    }

    /// Whether a generation after the given one deletes rows from chunks by their keys.
    package func hasKeepLists(after generation: Int) -> Bool {
        generation < last
            && chunks[(generation + 1)...].contains { tables in
                tables.values.contains { $0.values.contains { $0.keep != nil } }
            }
    }

    func chunk(of relation: RelationEntry, _ range: KeyRange, in generation: Int) throws -> ArchivedChunk {
        guard let chunk = chunks[generation][relation.name]?[range] else {
            throw ArchiveError(
                .damaged,
                at: folders[generation],
                "has no chunk \(range) of \(relation.name), which the target's ledger lists",
                hint: "restore into an empty database"
            )
        }
        return chunk
    }

    /// The generation that a chunk is restored from: the last one that contains all of it.
    func base(of relation: RelationEntry, _ range: KeyRange) throws -> Int {
        let base = chunks.indices.last { chunks[$0][relation.name]?[range]?.isReplaced == true }
        guard let base else {
            throw ArchiveError(
                .damaged,
                at: folders[last],
                "no generation contains all rows of \(relation.name) \(range)"
            )
        }
        return base
    }

    func restorer(_ generation: Int, _ relation: RelationEntry, in ledger: Ledger) -> ChunkRestorer {
        ChunkRestorer(
            ledger,
            relation,
            columns: columns[generation][relation.name] ?? [],
            folder: folders[generation]
        )
    }
}

/// Advances chunks from generation to generation, each step in one transaction with its line in the ledger.
package struct RestoreWorker {
    private let target: Connection
    private let context: RestoreContext
    private let progress: TransferProgress
    private let stop: StopRequest

    package init(_ target: Connection, _ context: RestoreContext, progress: TransferProgress, stop: StopRequest) {
        self.target = target
        self.context = context
        self.progress = progress
        self.stop = stop
    }

    /// Loads all chunks that have no rows yet.
    package func restoreBases() throws {
        try repeating { ledger in
            guard let chunk = try ledger.claimForRestore() else { return nil }
            let relation = try chunk.relation(among: context.relations)
            return (chunk, relation, try context.base(of: relation, chunk.range))
        }
    }

    /// Advances all chunks of tables without other unique keys to the generation wanted.
    package func restoreDeltas() throws {
        try repeating { ledger in
            guard let chunk = try ledger.claimForRestore(before: context.last, except: context.settled) else {
                return nil
            }
            let relation = try chunk.relation(among: context.relations)
            // If a later generation replaces the whole chunk, the ones before it are skipped.
            return (chunk, relation, max(chunk.pass, try context.base(of: relation, chunk.range)))
        }
    }

    /// Advances a table with other unique keys to the generation wanted: all its chunks in one transaction, because
    /// rows of different chunks may have swapped a value.
    package func restoreSettled(_ id: Int) throws {
        guard let relation = context.relations[id] else { return }
        let finished = try target.transaction(.readWrite) { () -> [ChunkOutcome] in
            let ledger = Ledger(target, epoch: context.epoch)
            var outcomes: [ChunkOutcome] = []
            for generation in 0...context.last where !stop.isRequested {
                let chunks = try ledger.lockedChunks(of: relation).filter { $0.mark != nil && $0.pass == generation }
                var held: [Int] = []
                for chunk in chunks {
                    let archived = try context.chunk(of: relation, chunk.range, in: generation)
                    held.append(
                        try context.restorer(generation, relation, in: ledger).shed(archived, held: chunk.rows)
                    )
                }
                for (chunk, held) in zip(chunks, held) {
                    outcomes.append(try load(chunk, of: relation, from: generation, held: held, ledger: ledger))
                }
            }
            return outcomes
        }
        finished.forEach(progress.finishChunk)
    }

    private func repeating(_ claim: (Ledger) throws -> (ChunkEntry, RelationEntry, Int)?) throws {
        while !stop.isRequested {
            let outcome = try target.transaction(.readWrite) { () -> ChunkOutcome? in
                let ledger = Ledger(target, epoch: context.epoch)
                guard let (chunk, relation, generation) = try claim(ledger) else { return nil }
                return try during("\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range)") {
                    let archived = try context.chunk(of: relation, chunk.range, in: generation)
                    let held = try context.restorer(generation, relation, in: ledger).shed(archived, held: chunk.rows)
                    return try load(chunk, of: relation, from: generation, held: held, ledger: ledger)
                }
            }
            guard let outcome else { return }
            progress.finishChunk(outcome)
        }
    }

    private func load(
        _ chunk: ChunkEntry,
        of relation: RelationEntry,
        from generation: Int,
        held: Int,
        ledger: Ledger
    ) throws -> ChunkOutcome {
        let archived = try context.chunk(of: relation, chunk.range, in: generation)
        let copied = try context.restorer(generation, relation, in: ledger).load(
            archived,
            held: held,
            progress: progress.addBytes
        )
        let removed = chunk.rows - held
        try ledger.complete([
            Ledger.Completion(
                chunk,
                mark: archived.mark,
                pass: generation + 1,
                rows: archived.rows,
                bytes: chunk.bytes + copied.bytes,
                inserted: copied.rows,
                deleted: removed,
                proof: removed == 0 ? .stands : .reduced
            )
        ])
        let kind: ChunkOutcome.Kind =
            chunk.mark == nil ? .base : removed == 0 && copied.rows == 0 ? .unchanged : .delta
        try ledger.record(
            kind.rawValue,
            subject: relation.name.description,
            relation: chunk.relationId,
            chunk: chunk.chunkNumber,
            count: copied
        )
        return ChunkOutcome(kind: kind, copied: copied, removed: removed)
    }
}
