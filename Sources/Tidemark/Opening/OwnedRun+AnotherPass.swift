import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Verification

/// Another pass over the rows of a target whose keys are built, until it has taken writes of its own.
extension OwnedRun {
    /// Takes the run back to where rows can be copied, unless the source has committed nothing since the last cutover.
    ///
    /// What acts on rows is dropped, and the cutover creates it again.
    ///
    /// - Parameters:
    ///   - endpoint: The source.
    ///   - act: What is to be done; only a cutover can go on without another pass.
    ///   - hasDrifted: Whether the source's tables are known to be others than the ledger's.
    /// - Returns: The run as it is then.
    /// - Throws: ``LedgerError`` if others have written to the target; ``PostgresError``.
    func readyForAnotherPass(
        from endpoint: Endpoint,
        for act: LiveAct,
        hasDrifted: Bool = false
    ) async throws -> OwnedRun {
        guard entry.step >= .keysBuilt else {
            if entry.keepsForeignKeys, !entry.isStage, try await !context.mayWriteAsReplica(purpose: purpose) {
                try await dropForeignKeys()
            }
            return self
        }
        // Then nothing of it is touched, whatever the source has done.
        if mayBeOpen, let written = try await foreignWrites() { throw written }
        if act.isCutover, !hasDrifted, try await isUnchanged(endpoint) {
            context.note("the source has committed nothing since the last cutover's snapshot: resuming after the rows")
            return self
        }
        let written = mayBeOpen ? nil : try await foreignWrites()
        if entry.isStage { return try await readyForAnotherPassOfStage(written) }
        if let written {
            guard act.isCutover, try await isAtRest(endpoint) else { throw written }
            context.note(
                "others have written to the target, and nothing was written on the source: comparing both sides"
            )
            return self
        }
        context.note("another pass: what acts on rows is dropped on the target and created again afterwards")
        let ofSource = try await Connection.with(endpoint, purpose: purpose) { try ActingObjects.ofDatabase(on: $0) }
        let keeps = try await context.mayWriteAsReplica(purpose: purpose)
        let notes = try await onTarget { [self] connection in
            let ledger = Ledger(connection, epoch: epoch)
            return try connection.transaction(.readWrite) { try takeOff(ofSource, keepingForeignKeys: keeps, ledger) }
        }
        if keeps { context.note("foreign keys stay validated: rows are copied as a replica writes them") }
        for note in notes { context.note(note) }
        return try await withCurrentEntry()
    }

    /// Takes a stage back to where rows can be copied; nothing is dropped on a target that is in use.
    private func readyForAnotherPassOfStage(_ written: LedgerError?) async throws -> OwnedRun {
        if let written { throw written }
        try await control.run { [epoch] connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: epoch)
                try ledger.fence()
                try ledger.reopen(without: [], keepingForeignKeys: true)
            }
        }
        return try await withCurrentEntry()
    }

    /// The same run as the ledger has it now.
    private func withCurrentEntry() async throws -> OwnedRun {
        var run = self
        run.entry = try await control.run { connection in
            guard let entry = try Ledger.run(on: connection) else {
                throw LedgerError(.missing, "the ledger was dropped")
            }
            return entry
        }
        return run
    }

    /// Whether no transaction was committed on the source since the last cutover's snapshot.
    private func isUnchanged(_ endpoint: Endpoint) async throws -> Bool {
        guard let snapshot = entry.cutoverSnapshot, entry.archive == nil,
            entry.source.systemIdentifier == source.identity.systemIdentifier,
            entry.source.timeline == source.identity.timeline
        else { return false }
        return try await Connection.with(endpoint, purpose: purpose) { connection in
            let isStandby = try connection.queryOne("SELECT pg_catalog.pg_is_in_recovery() AS f").boolean("f")
            return try !isStandby && TransactionIds(since: snapshot, on: connection).nothingCommitted != nil
        }
    }

    /// Whether nothing was written to the source's tables since the last cutover's snapshot, by its counters.
    private func isAtRest(_ endpoint: Endpoint) async throws -> Bool {
        let (kept, relations) = try await control.run { [entry] connection in
            try (
                Ledger(connection).counters(of: .source)[entry.pass]?.reading,
                Ledger(connection).relations().filter(\.treatment.copiesRows)
            )
        }
        guard let kept, entry.archive == nil else { return false }
        let company = Company(entry.sessionPrefix)
        let identity = MarkIdentity(source.identity)
        let counted = try await ThreadConfined.with(endpoint, purpose: purpose) { [context] connection in
            try await CountedSource.settledReading(on: connection, company, of: identity, since: kept.readAt) {
                context.note($0)
            }
        }
        guard case .reading(let now) = counted else { return false }
        return relations.allSatisfy { now.change(of: $0.definition.oid, since: kept) == .none }
    }

    /// Returns the refusal if others have written to the target since the last cutover.
    private func foreignWrites() async throws -> LedgerError? {
        let identity = MarkIdentity(target)
        let (relations, held) = try await control.run { connection in
            try (Ledger(connection).relations().filter(\.treatment.copiesRows), Ledger(connection).heldRows())
        }
        let now = try await control.run { connection in
            let row = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot")
            return Mark(try row.snapshot("snapshot"), of: identity)
        }
        guard let mark = entry.leftAt, mark.voidReason(at: now) == nil else {
            return Self.written(
                "it cannot be shown that no one else has written to the target since the last cutover"
            )
        }
        let suspects = try await withoutUnwritten(relations)
        let closed = try await control.run { try Set(Completion.closedTables(on: $0)) }
        let writes = ForeignWrites(in: suspects.filter { !closed.contains($0.name) }, since: mark, held: held)
        let extensionTables = context.options.wanted(source.extensionTables).map(\.qualifiedName)
        try await Connection.each(context.options.jobs, context.target, purpose: purpose) { connection, number in
            if number == 1, !entry.isStage { try writes.lookBesideTables(extensionTables, on: connection) }
            try writes.look(on: connection)
        }
        let writesToClosed = ForeignWrites(in: suspects.filter { closed.contains($0.name) }, since: mark, held: held)
        if !closed.isEmpty { try await lookWithRights(writesToClosed) }
        let found = writes.found + writesToClosed.found
        guard found.isEmpty else {
            return Self.written(
                "others have written to the target since the last cutover: " + found.prefix(10).joined(separator: ", ")
            )
        }
        return nil
    }

    /// Looks at tables whose rights their owner has given up, in a transaction that is rolled back.
    private func lookWithRights(_ writes: ForeignWrites) async throws {
        try await Connection.with(context.target, purpose: purpose) { connection in
            try connection.execute(Connection.TransactionMode.readWrite.begin)
            defer { _ = try? connection.execute("ROLLBACK") }
            try Completion.reopenTables(on: connection)
            try writes.look(on: connection)
        }
    }

    /// Leaves out the tables to which only this run has written, by the target's counters, if they count as evidence.
    private func withoutUnwritten(_ relations: [RelationEntry]) async throws -> [RelationEntry] {
        guard context.options.evidence.usesCounters else { return relations }
        let (kept, own) = try await control.run { [entry] connection in
            try (Ledger(connection).counters(of: .target)[entry.pass], Ledger(connection).ownWrites())
        }
        guard let kept else { return relations }
        let company = Company(entry.sessionPrefix)
        let counted = try await ThreadConfined.with(context.target, purpose: purpose) { [context, target] connection in
            try await CountedSource.settledReading(
                on: connection,
                company,
                of: MarkIdentity(target),
                since: kept.reading.readAt
            ) { context.note($0) }
        }
        guard case .reading(let now) = counted else { return relations }
        let oids = try await control.run { connection in
            try Dictionary(keepingFirst: Table.names(on: connection).map { ($0.value, $0.key) })
        }
        return relations.filter { relation in
            guard let oid = oids[relation.name] else { return true }
            let ours = kept.written(to: relation.relationId, until: own)
            return now.change(of: oid, since: kept.reading, besides: ours) != .none
        }
    }

    private static func written(_ message: String) -> LedgerError {
        LedgerError(
            .targetWritten,
            message,
            hint: "the target may be in use, and another cutover would overwrite these rows; nothing was changed. "
                + "To compare: tidemark verify --since-cutover. "
                + "If they may be lost: tidemark finish --abandon, then precopy --adopt, which replaces what differs"
        )
    }

    private func dropForeignKeys() async throws {
        let notes = try await onTarget { [self] connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: epoch)
                try ledger.fence()
                let excluded = SettledTables(try ledger.relations(), in: source).excluded
                return try ActingObjects(ledger).dropForeignKeys(excluding: excluded)
            }
        }
        for note in notes { context.note(note) }
    }

    private func takeOff(
        _ ofSource: [(kind: String, name: ServerText)],
        keepingForeignKeys keepsForeignKeys: Bool,
        _ ledger: Ledger
    ) throws -> [String] {
        try ledger.fence()
        try Completion.reopenTables(on: ledger.connection)
        let scope = Scope(excluding: [], omitting: context.options.omissions)
        let omitted: [String: Omission] = [
            "PUBLICATION": .publications, "SUBSCRIPTION": .subscriptions, "EVENT TRIGGER": .eventTriggers,
        ]
        let acting = ActingObjects(ledger)
        _ = try acting.dropOfDatabase { kind, name in
            omitted[kind].map { !scope.omits($0) } ?? true && ofSource.contains { $0 == (kind, name) }
        }
        let excluded = SettledTables(try ledger.relations(), in: source).excluded
        let notes = try acting.dropOnTables(excluding: excluded) { !keepsForeignKeys || $0 != ActingObjects.foreignKey }
        let checks = try PostponedChecks(of: source, excluding: excluded).drop(ledger)
        try ledger.reopen(without: checks, keepingForeignKeys: keepsForeignKeys)
        return notes
    }
}
