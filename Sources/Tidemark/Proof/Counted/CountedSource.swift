import Catalog
import Ledger
import Planning
import Postgres
import Synchronization
import Transfer

/// What the source's counters of rows written say about the chunks, seen from a snapshot.
///
/// 1. A table at rest: its counters are those read before its chunks were; nothing was written to it.
/// 2. A table that only grew, by at most `k` rows: it is searched from the newest end for rows that were certainly written
///    after the old counters were read (``NewRows``).
///
/// Anything else is read by rows. So is everything if a session may hold counts back (``Company``).
struct CountedSource: Sendable {
    /// The numbers of the chunks that were not written since they were read and proven, by the tables' numbers.
    var untouched: [Int: Set<Int>] = [:]
    /// Since when, by the tables' numbers: the source's clock.
    var since: [Int: String] = [:]
    /// Why the counters tell nothing; nil if they do.
    var obstacle: String?

    private static let patience = Duration.seconds(12)

    /// A table whose chunks all have marks, and the oldest counters that precede all of them and their proofs.
    private struct Candidate: Sendable {
        let relation: RelationEntry
        let chunks: [ChunkEntry]
        let pass: Int
    }

    /// Reads the counters, once every other session has handed in what it counted.
    ///
    /// - Parameters:
    ///   - session: The session of the run.
    ///   - source: The source.
    ///   - shared: The snapshot that the cutover reads, already taken.
    ///   - note: Receives a line about each wait.
    /// - Returns: The untouched chunks.
    /// - Throws: ``PostgresError``.
    static func untouched(
        in session: Session,
        on source: Endpoint,
        in shared: SharedSnapshot,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> CountedSource {
        let (chunks, kept) = try await session.control.run { connection in
            try (Ledger(connection).chunks(), Ledger(connection).counters(of: .source).mapValues(\.reading))
        }
        let candidates = candidates(session.relations, chunks, keptBy: kept)
        guard let oldest = candidates.map(\.pass).min(), let first = kept[oldest] else {
            return CountedSource(obstacle: "no counters were kept with the rows that were copied ahead")
        }
        let counted = try await ThreadConfined.with(source, purpose: session.purpose("counters")) { connection in
            try await Self.settledReading(
                on: connection,
                Company(session.run.sessionPrefix),
                of: session.markIdentity,
                since: first.readAt,
                note
            )
        }
        let now: CounterReading
        switch counted {
        case .unusable(let reason): return CountedSource(obstacle: reason)
        case .reading(let reading): now = reading
        }
        var result = CountedSource()
        var grown: [(Candidate, before: CounterReading, rows: Int)] = []
        for candidate in candidates {
            guard let before = kept[candidate.pass], isOfFile(candidate, now) else { continue }
            switch now.change(of: candidate.relation.definition.oid, since: before) {
            case .none: result.add(candidate.chunks, of: candidate.relation, since: before)
            case .inserts(let rows): grown.append((candidate, before, rows))
            case .other: break
            }
        }
        let searches = Mutex(grown.sorted { $0.0.relation.tableBytes < $1.0.relation.tableBytes })
        let found = Mutex<[(Candidate, CounterReading, [ChunkEntry])]>([])
        guard !grown.isEmpty else { return result }
        let jobs = min(session.context.options.jobs, grown.count)
        let tables = session.source
        try await Connection.each(jobs, source, purpose: session.purpose("counters")) { connection, _ in
            while let (candidate, before, rows) = searches.withLock({ $0.popLast() }) {
                let new = NewRows(of: candidate.relation, candidate.chunks, since: before, count: rows)
                let rest = try connection.transaction(.shared(shared)) { try new.chunksWithout(tables, on: connection) }
                found.withLock { $0.append((candidate, before, rest)) }
            }
        }
        for (candidate, before, rest) in found.withLock(\.self) where !rest.isEmpty {
            result.add(rest, of: candidate.relation, since: before)
        }
        return result
    }

    private mutating func add(_ chunks: [ChunkEntry], of relation: RelationEntry, since before: CounterReading) {
        untouched[relation.relationId] = Set(chunks.map(\.chunkNumber))
        since[relation.relationId] = before.readAt
    }

    private static func candidates(
        _ relations: [RelationEntry],
        _ chunks: [ChunkEntry],
        keptBy kept: [Int: CounterReading]
    ) -> [Candidate] {
        let byTable = Dictionary(grouping: chunks, by: \.relationId)
        return relations.compactMap { relation in
            // The counters of a partitioned table are not those of its partitions.
            guard relation.treatment.copiesRows, !relation.definition.isPartitioned,
                let chunks = byTable[relation.relationId], !chunks.isEmpty,
                chunks.allSatisfy({ $0.mark != nil && !$0.isAdopted && $0.writtenRows == nil })
            else { return nil }
            let passes = chunks.map { min($0.readPass, $0.proof?.pass ?? $0.readPass) }
            guard let pass = passes.min(), kept[pass] != nil else { return nil }
            return Candidate(relation: relation, chunks: chunks, pass: pass)
        }
    }

    private static func isOfFile(_ candidate: Candidate, _ now: CounterReading) -> Bool {
        let counts = now.counts(of: candidate.relation.definition.oid)
        return candidate.chunks.allSatisfy { $0.mark?.fileNode == counts?.fileNode }
    }

    // MARK: Reading

    /// The source's counters, to be kept for the pass that begins next.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - session: The session of the run.
    /// - Returns: The counters; nil if they would tell nothing.
    /// - Throws: ``PostgresError``.
    static func reading(of source: Endpoint, for session: Session) async throws -> CounterReading? {
        try await Connection.with(source, purpose: session.purpose("counters")) { connection in
            // A prepared transaction of now is counted later, as it should be.
            guard connection.serverVersion.major >= CounterReading.firstMajor else { return nil }
            return try CounterReading(connection, session.markIdentity)
        }
    }

    /// The result of reading the counters.
    enum Counted {
        case reading(CounterReading)
        /// They tell nothing, for this reason.
        case unusable(String)
    }

    /// Reads the counters once all other sessions have handed in what they counted.
    ///
    /// - Parameters:
    ///   - connection: The source.
    ///   - company: The other sessions.
    ///   - identity: The identity of the source.
    ///   - before: When the counters that they are compared with were read.
    ///   - note: Receives a line about each wait.
    /// - Returns: The counters, or why they tell nothing.
    /// - Throws: ``PostgresError``.
    static func settledReading(
        on connection: ThreadConfined<Connection>,
        _ company: Company,
        of identity: MarkIdentity,
        since before: String,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> Counted {
        if let reason = try await connection.run({ try Self.obstacle(on: $0) }) { return .unusable(reason) }
        let deadline = ContinuousClock.now + patience
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            let restless = try await company.settle(connection, since: before, patience: left, note)
            guard restless.isEmpty else { return .unusable(Company.reason(restless)) }
            let now = try await connection.run { try CounterReading($0, identity) }
            if let blindness = try await connection.run({ try company.blindness($0, since: before) }) {
                return .unusable(blindness)
            }
            // A session that has just become active may hold counts that are missing here.
            if try await connection.run({ try company.restless($0, since: before).isEmpty }) { return .reading(now) }
        }
    }

    /// Why a server's counters never tell that nothing was written; nil if they may.
    ///
    /// - Parameter connection: The server.
    /// - Returns: The reason.
    /// - Throws: ``PostgresError``.
    static func obstacle(on connection: Connection) throws -> String? {
        guard connection.serverVersion.major >= CounterReading.firstMajor else {
            return "up to PostgreSQL \(CounterReading.firstMajor - 1) counts may be lost"
        }
        let state = try connection.queryOne(
            """
            SELECT pg_catalog.pg_is_in_recovery() AS is_standby, EXISTS (
                SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()) AS is_prepared
            """
        )
        if try state.boolean("is_standby") { return "a standby counts no writes" }
        if try state.boolean("is_prepared") { return "the rows of a prepared transaction are not counted yet" }
        return nil
    }
}
