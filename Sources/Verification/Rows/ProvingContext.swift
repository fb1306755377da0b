package import Catalog
package import Ledger
package import Planning
package import Postgres

/// What those who prove chunks ahead share.
package struct ProvingContext: Sendable {
    /// One chunk, as the ledger names it.
    private struct ChunkName: Hashable, Sendable {
        let table: QualifiedName
        let range: KeyRange
    }

    /// The limit for lock waits on the source, because sessions that queue behind this one wait as well.
    static let lockTimeout: SQL = "'5s'"

    let pass: Int
    let epoch: Int
    let relations: [Int: RelationEntry]
    private let ranges: [ChunkName: ComparedRange]
    let source: MarkIdentity
    package let target: MarkIdentity
    let hash: RowHash
    let stop: StopRequest
    /// Blocks the calling worker as long as no worker may work.
    let waitForTurn: @Sendable () -> Void
    let note: @Sendable (String) -> Void

    /// - Parameters:
    ///   - pass: The pass whose chunks are proven.
    ///   - epoch: The epoch this client holds.
    ///   - relations: The tables in the ledger.
    ///   - ranges: How the chunks are compared; chunks without a range are not proven.
    ///   - source: The identity of the source.
    ///   - target: The identity of the target.
    ///   - hash: How rows are hashed.
    ///   - stop: Asked between two chunks; a request ends the work.
    ///   - waitForTurn: Blocks the calling worker as long as no worker may work; called between two chunks.
    ///   - note: Called with messages about chunks that differ although the source did not change, and about tables
    ///     that cannot be compared.
    package init(
        pass: Int,
        epoch: Int,
        relations: [RelationEntry],
        ranges: [ComparedRange],
        source: MarkIdentity,
        target: MarkIdentity,
        hash: RowHash,
        stop: StopRequest,
        waitForTurn: @escaping @Sendable () -> Void = {},
        note: @escaping @Sendable (String) -> Void
    ) {
        self.pass = pass
        self.epoch = epoch
        self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
        self.ranges = Dictionary(keepingFirst: ranges.map { (ChunkName(table: $0.table, range: $0.range), $0) })
        self.source = source
        self.target = target
        self.hash = hash
        self.stop = stop
        self.waitForTurn = waitForTurn
        self.note = note
    }

    /// How any chunk of a table is compared; nil if it is not.
    package func comparedRange(_ relation: RelationEntry, _ chunk: ChunkEntry) -> ComparedRange? {
        ranges[ChunkName(table: relation.name, range: chunk.range)]
    }

    /// Reports that a server refuses to read a table's rows.
    func cannotCompare(_ table: QualifiedName, _ error: PostgresError) {
        note("the rows of \(table) cannot be compared, so cutover will not prove them: \(error)")
    }

    /// Takes back the mark of a chunk that differs although the source did not change it.
    func distrust(_ chunk: ChunkEntry, of relation: RelationEntry, in ledger: Ledger) throws {
        note(
            "\(relation.name) chunk \(chunk.chunkNumber) \(chunk.range) differs from what was copied: another "
                + "session writes on the target. The next pass copies again what it has deleted; precopy --adopt also "
                + "replaces what it has written"
        )
        try ledger.distrust(chunk, pass: pass)
        try ledger.record(
            "distrusted",
            subject: relation.name.description,
            relation: chunk.relationId,
            chunk: chunk.chunkNumber
        )
    }
}
