import Catalog
package import Ledger
package import Planning
package import Postgres

/// What a worker needs to know about its pass.
package struct PassContext: Sendable {
    package let pass: Int
    /// Who copies.
    package let claimant: Claimant
    package let relations: [Int: RelationEntry]
    package let identity: MarkIdentity
    /// The snapshot that everything is read in; nil: each chunk is read in its own.
    package let snapshot: SharedSnapshot?
    /// Whether the tables already have their triggers, which must not fire for copied rows.
    package let keepsTriggersOff: Bool
    /// Whether the tables already have their foreign keys, which do not act.
    package let keepsForeignKeys: Bool
    /// What a look at whole tables in the snapshot has shown of the chunks; nil: each chunk is probed by itself.
    package private(set) var probe: PassProbe?
    /// How many small tables a worker copies at once, so that every worker gets some.
    let smallTogether: Int
    /// What keeps transactions on the source short; nil if there is one snapshot for everything.
    package let pace: Pace?
    /// Where the tables of a shared snapshot lie.
    let files: SnapshotFiles
    /// Tables whose chunks are left to others.
    private let leaves: Set<QualifiedName>
    /// Tables whose chunks are not claimed now.
    var passedOver: [QualifiedName] { postponed.now + leaves.sorted() }
    /// Locked tables that all workers leave for later.
    let postponed = Postponed()

    package init(
        pass: Int,
        claimant: Claimant,
        relations: [RelationEntry],
        identity: MarkIdentity,
        snapshot: SharedSnapshot?,
        keepsTriggersOff: Bool = false,
        keepsForeignKeys: Bool = false,
        longestTransaction: Duration? = nil,
        workers: Int = 1,
        leaving others: Set<QualifiedName> = []
    ) {
        leaves = others
        let small = relations.count(where: \.isSmallAndWhole)
        smallTogether = max(1, min(Ledger.smallTogether, (small + workers - 1) / workers))
        pace = snapshot == nil ? longestTransaction.map { Pace(longest: $0) } : nil
        self.keepsForeignKeys = keepsForeignKeys
        self.keepsTriggersOff = keepsTriggersOff
        self.pass = pass
        self.claimant = claimant
        files = SnapshotFiles(knowsAll: claimant.participation == nil)
        self.relations = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
        self.identity = identity
        self.snapshot = snapshot
    }

    /// The epoch of the client that owns the run.
    package var epoch: Int { claimant.epoch }

    /// The same pass, with what a look at whole tables has shown.
    package func with(_ probe: PassProbe) -> PassContext {
        var context = self
        context.probe = probe
        return context
    }
}
