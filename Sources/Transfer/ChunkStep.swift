import Catalog
import Ledger
import Planning
import Postgres

/// Advances one chunk to a newer mark, inside the two open transactions.
struct ChunkStep {
    let lane: Lane
    let ledger: Ledger
    let relation: RelationEntry
    let chunk: ChunkEntry
    /// The mark the chunk gets.
    let now: Mark
    let context: PassContext
    let progress: TransferProgress
    /// Whether the target's table is known to be empty.
    let isEmpty: Bool

    /// What was done, and what the ledger records about it in the same transaction; nil if that is already recorded.
    struct Result {
        let outcome: ChunkOutcome
        let completion: Ledger.Completion?
    }

    private var own: OwnRows { OwnRows(ledger, provenBy: [chunk.proof]) }
    private var source: ChunkSource { ChunkSource(lane.source, relation: relation, range: chunk.range) }

    func run(_ stage: ChunkStage) throws -> Result {
        switch relation.treatment {
        case .whole: return try copyWhole()
        case .delta, .appendOnly:
            // A table that has lost its key since the run began.
            guard let key = relation.key else { return try copyWhole() }
            return try copyAhead(key, stage)
        case .definitionOnly, .excluded:
            throw LedgerError(
                .missing,
                "the ledger has a chunk of \(relation.name), whose treatment is \(relation.treatment.rawValue)",
                hint: "the ledger was changed by hand: start over with an empty target"
            )
        }
    }

    /// Copies what the chunk's mark does not cover.
    private func copyAhead(_ key: Key, _ stage: ChunkStage) throws -> Result {
        guard let mark = chunk.mark else {
            guard chunk.isAdopted else { return try copyBase(countsFor: stage) }
            return try reconcile(key, because: "its rows were copied by other means", stage)
        }
        if let reason = mark.voidReason(at: now) { return try reconcile(key, because: reason, stage) }
        switch stage {
        case .shed(_, let snapshot, _): return try shedOnly(key, since: mark, snapshot)
        case .base, .delta, .load, .cutover: return try shedAndLoad(key, since: mark, stage)
        }
    }

    // MARK: Base and whole

    private func copyBase(countsFor stage: ChunkStage) throws -> Result {
        let copied = try copy(source.allRows)
        // A table with other unique keys is complete only when all its chunks are from one snapshot.
        let isSettled = !relation.hasOtherUniqueKeys || context.snapshot != nil
        return Result(
            outcome: ChunkOutcome(kind: .base, copied: copied, removed: 0),
            completion: completion(
                rows: copied.rows,
                copied: copied,
                pass: isSettled ? context.pass : chunk.pass
            )
        )
    }

    private func copyWhole() throws -> Result {
        var deleted = 0
        // For a small table, TRUNCATE takes longer than loading the rows.
        if try chunk.mark != nil || relation.tableBytes > TablePlan.smallBytes || holdsRows() {
            deleted = try empty()
        }
        let copied = try copy(source.allRows)
        return Result(
            outcome: ChunkOutcome(kind: .whole, copied: copied, removed: chunk.rows),
            completion: completion(rows: copied.rows, copied: copied, deleted: deleted, pass: context.pass)
        )
    }

    /// Removes all rows of the table; TRUNCATE is refused for a table that others refer to (manual, TRUNCATE).
    ///
    /// - Returns: The rows that the server counts as deleted.
    private func empty() throws -> Int {
        let deletion: SQL = "DELETE FROM \(relation.rows) AS t WHERE \(relation.held)"
        if relation.isShared { return try own.delete(deletion, of: relation.name) }
        let isReferenced =
            try context.keepsForeignKeys
            && lane.target.queryOne(
                """
                SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint
                               WHERE contype = 'f' AND confrelid <> conrelid
                                 AND confrelid = \(literal: relation.name.quoted)::pg_catalog.regclass) AS f
                """
            ).boolean("f")
        if isReferenced { return try own.delete(deletion, of: relation.name) }
        // Before the rows are counted: nobody can add one afterwards.
        try lane.target.execute("LOCK TABLE \(relation.rows) IN ACCESS EXCLUSIVE MODE")
        let counted = try lane.target.queryOne(own.countOthers(in: "\(relation.rows) AS t"))
        try own.refuseOthers(counted, of: relation.name)
        try lane.target.execute("TRUNCATE TABLE \(relation.rows)")
        return 0
    }

    private func holdsRows() throws -> Bool {
        try !isEmpty
            && lane.target.queryOne("SELECT EXISTS (SELECT FROM \(relation.rows) WHERE \(relation.held)) AS f")
                .boolean("f")
    }

    /// Compares the range on both sides and copies what differs; correct whatever the target contains.
    private func reconcile(_ key: Key, because reason: String, _ stage: ChunkStage) throws -> Result {
        let hash = try lane.commonHash()
        guard case .shed(_, let snapshot, _) = stage else {
            if !chunk.isAdopted { note(reason) }
            let outcome = try Reconciler(lane: lane, own: own, hash: hash) { try copy($0.allRows) }.reconcile(
                source,
                key
            )
            return Result(
                outcome: ChunkOutcome(kind: .reconciled, copied: outcome.copied, removed: outcome.removed),
                completion: completion(
                    rows: outcome.rows,
                    copied: outcome.copied,
                    deleted: outcome.removed,
                    pass: context.pass
                )
            )
        }
        // With other unique keys, all chunks must shed before any of them loads.
        if !chunk.isAdopted { note(reason) }
        let outcome = try Reconciler(lane: lane, own: own, hash: hash, copy: nil).reconcile(source, key)
        if outcome.isEqual {
            return Result(
                outcome: ChunkOutcome(kind: .reconciled, copied: .zero, removed: 0),
                completion: completion(rows: outcome.rows, copied: .zero, pass: context.pass)
            )
        }
        try ledger.shedByComparison(chunk, rows: outcome.rows, removed: outcome.removed, snapshot: snapshot)
        return Result(
            outcome: ChunkOutcome(kind: .shed, copied: .zero, removed: outcome.removed),
            completion: nil
        )
    }

    private func note(_ reason: String) {
        progress.note("\(relation.name) chunk \(chunk.chunkNumber) is compared with the source: \(reason)")
    }

    // MARK: Delta

    private func shedOnly(_ key: Key, since mark: Mark, _ snapshot: Snapshot) throws -> Result {
        let probe = try countedProbe() ?? found ?? source.probe(since: mark)
        guard try isShed(key, since: mark, probe) else {
            return try reconcile(key, because: miscount, .shed(pass: context.pass, snapshot: snapshot, relation: nil))
        }
        try ledger.shed(chunk, rows: probe.untouched, written: probe.written, snapshot: snapshot)
        return Result(
            outcome: ChunkOutcome(kind: .shed, copied: .zero, removed: chunk.rows - probe.untouched),
            completion: nil
        )
    }

    private func shedAndLoad(_ key: Key, since mark: Mark, _ stage: ChunkStage) throws -> Result {
        let counted = try countedProbe()
        let probe = try counted ?? knownProbe() ?? found ?? source.probe(since: mark)
        guard try isShed(key, since: mark, probe) else {
            return try reconcile(key, because: miscount, stage)
        }
        var copied = CopyCount.zero
        if probe.written > 0 {
            for statement in source.writtenRows(since: mark, at: probe.places ?? found?.places) {
                let part = try copy(statement)
                copied = CopyCount(rows: copied.rows + part.rows, bytes: copied.bytes + part.bytes)
            }
            guard copied.rows == probe.written else {
                throw PostgresError(
                    .copyFailed,
                    "\(probe.written) written rows were counted but \(copied.rows) were copied in one snapshot",
                    hint: "the source gives different answers in the same snapshot: check its indexes with amcheck"
                )
            }
        }
        let removed = chunk.rows - probe.untouched
        // If rows were only counted, none was read: the old mark stays, so that a later probe still sees every change.
        let rows = probe.untouched + copied.rows
        let isUnchanged = removed == 0 && copied.rows == 0
        return Result(
            outcome: ChunkOutcome(kind: isUnchanged ? .unchanged : .delta, copied: copied, removed: removed),
            completion: completion(
                rows: rows,
                copied: copied,
                deleted: removed,
                pass: context.pass,
                mark: counted == nil ? now : mark,
                proof: removed == 0 ? .stands : .reduced
            )
        )
    }

    /// For a table declared append-only: the same number of rows as before means that none was added.
    private func countedProbe() throws -> ChunkSource.Probe? {
        guard relation.treatment.trustsCounts, try source.count() == chunk.rows else { return nil }
        return ChunkSource.Probe(written: 0, untouched: chunk.rows)
    }

    /// The result of shedding, if it ran in the same snapshot.
    private func knownProbe() -> ChunkSource.Probe? {
        guard let written = chunk.writtenRows, chunk.shedSnapshot == now.snapshot.description,
            context.snapshot?.snapshot == now.snapshot
        else { return nil }
        return ChunkSource.Probe(written: written, untouched: chunk.rows)
    }

    /// What the look at the whole table in this snapshot has found.
    private var found: ChunkSource.Probe? {
        guard context.snapshot?.snapshot == now.snapshot, let found = context.probe?.found(chunk) else { return nil }
        return ChunkSource.Probe(written: found.written, untouched: found.untouched, places: found.places)
    }

    private var miscount: String { "the target does not have the \(chunk.rows) rows recorded in the ledger" }

    /// Sheds the rows that are no longer on the source.
    ///
    /// - Returns: Whether exactly the untouched rows are left; false if the source has given different answers before, or the
    ///   target has crashed and lost an unlogged table.
    private func isShed(_ key: Key, since mark: Mark, _ probe: ChunkSource.Probe) throws -> Bool {
        let left = try Shedder(lane: lane, own: own, chunk: source, key: key, mark: mark)
            .shed(held: chunk.rows, probe: probe)
        let missing = probe.untouched - left
        guard missing != 0 else { return true }
        let mayBeEmptied = relation.definition.persistence == .unlogged || relation.definition.isPartitioned
        if missing > 0, chunk.rows >= probe.untouched, !mayBeEmptied {
            throw OwnRows.refusal("others have deleted \(missing) rows of \(relation.name) on the target")
        }
        return false
    }

    // MARK: Rows

    private func copy(_ copyOut: SQL) throws -> CopyCount {
        let columns = relation.columns
        let list: SQL = columns.isEmpty ? "" : " (\(columns.commaSeparated))"
        return try withoutTriggers {
            try lane.source.relay(
                copyOut,
                to: lane.target,
                "COPY \(relation.name)\(list) FROM STDIN \(relation.format.clause)",
                progress: progress.addBytes
            )
        }
    }

    /// Disables the triggers while `body` runs and then restores each one's state; foreign keys stay enforced.
    private func withoutTriggers<Result>(_ body: () throws -> Result) throws -> Result {
        guard context.keepsTriggersOff else { return try body() }
        let triggers = try lane.target.query(
            """
            SELECT t.tgname AS name, t.tgenabled::text AS state FROM pg_catalog.pg_trigger t
            WHERE t.tgrelid = \(literal: relation.name.quoted)::pg_catalog.regclass
              AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
            """
        ).map { (name: Identifier(try $0.text("name")), isAlways: try $0.word("state") == "A") }
        for trigger in triggers {
            try lane.target.execute("ALTER TABLE \(relation.name) DISABLE TRIGGER \(trigger.name)")
        }
        let result = try body()
        for trigger in triggers {
            let manner: SQL = trigger.isAlways ? "ENABLE ALWAYS TRIGGER" : "ENABLE TRIGGER"
            try lane.target.execute("ALTER TABLE \(relation.name) \(manner) \(trigger.name)")
        }
        return result
    }

    private func completion(
        rows: Int,
        copied: CopyCount,
        deleted: Int = 0,
        pass: Int,
        mark: Mark? = nil,
        proof: ChunkProof.Fate = .void
    ) -> Ledger.Completion {
        Ledger.Completion(
            chunk,
            mark: mark ?? now,
            pass: pass,
            rows: rows,
            bytes: chunk.bytes + copied.bytes,
            inserted: copied.rows,
            deleted: deleted,
            proof: proof
        )
    }
}
