import Catalog
import Ledger
import Planning
import Postgres
import Verification

/// What the target's counters of rows written say: which tables nobody but this run has written to since they were proven.
struct CountedTarget: Sendable {
    /// The passes whose proofs stand, by the tables' numbers.
    private var passes: [Int: Set<Int>] = [:]
    /// Why the counters tell nothing; nil if they do.
    private(set) var obstacle: String?

    private static let patience = Duration.seconds(12)

    /// Whether a proof made after a pass stands.
    func stands(_ pass: Int, of relation: Int) -> Bool { passes[relation]?.contains(pass) ?? false }

    /// Waits until this run's workers on the target have ended: a session hands in its counts before it disappears.
    ///
    /// - Parameter session: The session of the run.
    /// - Returns: The target's counters; nil if they tell nothing, or workers are still there.
    /// - Throws: ``PostgresError``.
    static func readingAfterWorkers(of session: Session) async throws -> CounterReading? {
        // Others write to the tables of a stage all the time.
        guard !session.scope.isStage else { return nil }
        let deadline = ContinuousClock.now + .seconds(5)
        let connection = session.control
        session.context.target.endIdleSessions()
        guard try await connection.run({ try CountedSource.obstacle(on: $0) }) == nil else { return nil }
        while try await connection.run({ try Self.hasWorkers($0, session.run.sessionPrefix) }) {
            guard ContinuousClock.now < deadline else { return nil }
            try await Task.sleep(for: .milliseconds(20))
        }
        return try await connection.run { try CounterReading($0, MarkIdentity(DatabaseIdentity(of: $0))) }
    }

    private static func hasWorkers(_ connection: Connection, _ prefix: String) throws -> Bool {
        try connection.queryOne(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_stat_activity
                WHERE datname = pg_catalog.current_database()
                  AND pg_catalog.starts_with(application_name, \(value: prefix)) AND application_name LIKE '% copy %') AS f
            """
        ).boolean("f")
    }

    /// Compares the counters with those kept when the chunks were proven.
    ///
    /// The snapshot in which the target is compared must have been taken before.
    ///
    /// - Parameters:
    ///   - session: The session of the run.
    ///   - target: What the target contains.
    ///   - note: Receives a line about each wait.
    /// - Returns: The tables whose proofs stand.
    /// - Throws: ``PostgresError``.
    static func read(
        _ session: Session,
        _ target: DatabaseCatalog,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> CountedTarget {
        let company = Company(session.run.sessionPrefix)
        let (kept, own) = try await session.control.run { connection in
            try (Ledger(connection).counters(of: .target), Ledger(connection).ownWrites())
        }
        guard !kept.isEmpty else { return CountedTarget(obstacle: "no counters were kept when rows were proven") }
        let others = try await ThreadConfined.with(session.context.target, purpose: session.purpose("counters")) {
            connection in try await company.settle(connection, patience: patience, note)
        }
        guard others.isEmpty else { return CountedTarget(obstacle: Company.reason(others)) }
        guard let now = try await readingAfterWorkers(of: session) else {
            return CountedTarget(obstacle: "the target's counters do not tell who wrote")
        }
        var result = CountedTarget()
        for relation in session.copiedRelations {
            guard let table = target.table(relation.name) else { continue }
            let passes = kept.filter { _, before in
                let ours = before.written(to: relation.relationId, until: own)
                return now.change(of: table.oid, since: before.reading, besides: ours) == .none
            }.keys
            if !passes.isEmpty { result.passes[relation.relationId] = Set(passes) }
        }
        return result
    }
}
