import Catalog
import Ledger
import Postgres
import Rebuild
import Synchronization

/// The connections that build keys and indexes, one per index job.
struct BuilderPool: Sendable {
    private let session: Session
    private let count: Int

    init(_ session: Session) {
        self.session = session
        count = session.context.options.indexJobs
    }

    /// Builds the stages, several objects at a time.
    ///
    /// - Parameters:
    ///   - stages: What to build.
    ///   - jobs: The most objects to build at the same time; some stages take locks that could deadlock.
    ///   - pass: See `Ledger.claimObject`.
    ///   - mayMoreCome: Returns whether more tables may still become ready.
    /// - Returns: The number of completed objects, also by worker processes.
    /// - Throws: ``PostgresError``.
    func build(
        _ stages: [RebuildStage],
        jobs: Int? = nil,
        settledIn pass: Int? = nil,
        while mayMoreCome: @escaping @Sendable () -> Bool = { false }
    ) async throws -> Int {
        // Connections are opened only if there is something to do; a table that becomes ready later still has its objects.
        let due = try await left(in: stages)
        guard due > 0 else { return 0 }
        let (failures, atWork) = (BuildFailures(), BuildsAtWork())
        let showing = Task { await show(atWork) }
        defer { showing.cancel() }
        let make = builder(jobs: jobs ?? count, failures, atWork)
        if let jobs {
            // These take locks that could deadlock.
            try await onConnections(jobs, "build") { connection in
                try make(connection).build(stages, settledIn: pass, while: mayMoreCome)
            }
        } else {
            let work = AnnouncedWork(.objects(stages, settledIn: pass), pass: session.run.pass)
            let isAgain = Flag()
            try await session.announcing(work, without: { failures.objects }) {
                // If a worker process has left something, one connection looks for it again and again.
                try await onConnections(isAgain.isRaised ? 1 : count, "build") { connection in
                    try make(connection).build(stages, settledIn: pass, while: mayMoreCome)
                }
                isAgain.raise()
            }
        }
        try failures.throwIfAny()
        return try await due - left(in: stages)
    }

    private func left(in stages: [RebuildStage]) async throws -> Int {
        try await session.control.run { try Ledger($0).objectsLeft(in: stages) }
    }

    /// What makes the builder of each connection.
    private func builder(
        jobs: Int,
        _ failures: BuildFailures,
        _ atWork: BuildsAtWork
    ) -> @Sendable (Connection) throws -> ObjectBuilder {
        let budget = BuildBudget(memoryBytes: session.context.options.indexMemoryBytes, jobs: jobs)
        let unique = Dictionary(
            keepingFirst: session.source.indexes.filter(\.isUnique).map { index in
                (index.qualifiedName, (index.keyColumns ?? []).compactMap(\.self))
            }
        )
        return { [session] connection in
            try ObjectBuilder(
                connection,
                claimant: Claimant(epoch: session.epoch),
                budget: budget,
                stop: session.context.stop,
                failures: failures,
                atWork: atWork,
                uniqueColumns: unique
            ) { object, duration in
                // The report lists all of them; a line is worth reading only for those one had to wait for.
                guard duration >= Self.worthSaying else { return }
                let step = object.stepsDone + 1
                let steps = object.statements.count == 1 ? "" : " (step \(step) of \(object.statements.count))"
                session.context.observer(
                    .note("built \(object.description)\(steps) in \(duration.wholeMilliseconds) ms")
                )
            }
        }
    }

    /// Says about once a second what is being built, until the task is cancelled.
    private func show(_ atWork: BuildsAtWork) async {
        while (try? await Task.sleep(for: .seconds(1))) != nil {
            guard let lines = try? await session.control.run({ try atWork.lines(on: $0) }), !lines.isEmpty else {
                continue
            }
            session.context.observer(.working(lines))
        }
    }

    private static let worthSaying = Duration.seconds(2)

    /// Runs statements that can run in any order.
    func run(_ items: [StatementQueue.Item]) async throws {
        guard !items.isEmpty else { return }
        let queue = StatementQueue(items)
        let stop = session.context.stop
        try await onConnections(min(count, items.count), "statements") { try queue.drain(on: $0, stop: stop) }
        try stop.check()
    }

    /// Gathers statistics.
    ///
    /// Rows that sessions hand in as changed after an ANALYZE would make the statistics look old, so these sessions end first.
    /// ANALYZE of a table with foreign tables below it reads those as well; their server may be out of reach from here.
    ///
    /// - Parameters:
    ///   - tables: The tables and materialized views, those that take longest first.
    ///   - short: Those of them that take no longer than a round trip may.
    /// - Returns: Warnings about statistics that could not be gathered.
    /// - Throws: ``PostgresError``.
    func analyze(_ tables: [QualifiedName], short: Set<QualifiedName> = []) async throws -> [String] {
        guard !tables.isEmpty else { return [] }
        session.context.target.endIdleSessions()
        let aboveForeign = try await session.control.run { try Self.aboveForeign(on: $0) }
        func item(_ table: QualifiedName) -> StatementQueue.Item {
            .init("ANALYZE \(table)", sql: "ANALYZE \(table)", isShort: short.contains(table))
        }
        try await run(tables.filter { !aboveForeign.contains($0) }.map(item))
        var warnings: [String] = []
        for table in tables where aboveForeign.contains(table) {
            do {
                try await run([item(table)])
            } catch let error as PostgresError where error.code == .statementFailed && error.isOfForeignServer {
                warnings.append("\(error.description); when its foreign tables can be read: ANALYZE \(table)")
            }
        }
        return warnings
    }

    /// The tables that have foreign tables among their partitions or the tables that inherit from them.
    private static func aboveForeign(on target: Connection) throws -> Set<QualifiedName> {
        let found = try target.query(
            """
            WITH RECURSIVE above(oid) AS (
                SELECT i.inhparent FROM pg_catalog.pg_inherits i
                JOIN pg_catalog.pg_class f ON f.oid = i.inhrelid AND f.relkind = 'f'
                UNION
                SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above a ON a.oid = i.inhrelid)
            SELECT n.nspname, c.relname FROM above a JOIN pg_catalog.pg_class c ON c.oid = a.oid
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            """
        )
        return Set(try found.map { QualifiedName(schema: try $0.text("nspname"), name: try $0.text("relname")) })
    }

    private func onConnections(
        _ count: Int,
        _ work: String,
        _ body: @escaping @Sendable (Connection) throws -> Void
    ) async throws {
        try await Connection.each(count, session.context.target, purpose: session.purpose(work)) { connection, _ in
            try body(connection)
        }
    }
}

extension PostgresError {
    /// Whether a foreign-data wrapper could not do its work: class 08 (connection) or HV (foreign-data wrapper), said by the server.
    fileprivate var isOfForeignServer: Bool { ["08", "HV"].contains(sqlState?.prefix(2)) }
}
