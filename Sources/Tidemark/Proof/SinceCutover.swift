import Catalog
import Ledger
import Planning
import Postgres
import Verification

/// Compares a target that is in use since the cutover with a source that is closed.
struct SinceCutover {
    private let context: RunContext
    private let source: Endpoint

    init(_ context: RunContext, source: Endpoint) {
        self.context = context
        self.source = source
    }

    /// How the cutover left the target.
    struct Beginning: Sendable {
        let mark: Mark
        let kept: Ledger.KeptCounters?
        let own: [Int: Ledger.OwnWrites]
        let relations: [RelationEntry]
        /// Warnings for the operator.
        let warnings: [String]

        /// The rows that others have updated or deleted on the target since, by table; nil if the counters do not tell.
        ///
        /// Read after the rows were compared: a session hands in its counts late.
        func removals(on target: Connection) throws -> [QualifiedName: Int]? {
            guard let kept else { return nil }
            let now = try CounterReading(target, MarkIdentity(try DatabaseIdentity(of: target)))
            let oids = Dictionary(keepingFirst: try Table.names(on: target).map { ($0.value, $0.key) })
            var removals: [QualifiedName: Int] = [:]
            for relation in relations {
                guard let oid = oids[relation.name] else { continue }
                guard let counted = now.written(to: oid, since: kept.reading) else { return nil }
                removals[relation.name] =
                    counted.updated + counted.deleted - kept.written(to: relation.relationId, until: own).deleted
            }
            return removals
        }
    }

    private static let patience = Duration.seconds(12)

    /// Returns what the target counted, once more when sessions have handed in their counts if rows are missing without it.
    ///
    /// - Parameters:
    ///   - comparison: The comparison, after all rows were compared.
    ///   - beginning: How the cutover left the target.
    ///   - target: The target.
    ///   - note: Receives a line about each wait.
    /// - Returns: The rows that others have updated or deleted, by table; nil if the counters do not tell.
    /// - Throws: ``PostgresError``.
    static func removals(
        explaining comparison: DataComparison,
        since beginning: Beginning,
        on target: Endpoint,
        _ note: @escaping @Sendable (String) -> Void
    ) async throws -> [QualifiedName: Int]? {
        try await ThreadConfined.with(target, purpose: "tidemark verify") { connection in
            guard let removals = try await connection.run({ try beginning.removals(on: $0) }),
                comparison.isMissingMore(than: removals)
            else { return try await connection.run { try beginning.removals(on: $0) } }
            let restless = try await Company("tidemark").settle(connection, patience: patience, note)
            return restless.isEmpty ? try await connection.run { try beginning.removals(on: $0) } : nil
        }
    }

    /// Reads how the last cutover left the target.
    ///
    /// - Returns: The mark and the counters.
    /// - Throws: ``LedgerError`` if there was no cutover, or if its mark is void; ``PostgresError``.
    func check() async throws -> Beginning {
        let beginning = try await Connection.with(context.target, purpose: "tidemark verify") { connection in
            guard let run = try Ledger.run(on: connection), let mark = run.leftAt else {
                throw LedgerError(
                    .missing,
                    "the target has no ledger of a cutover, so nothing shows what was written there since",
                    hint: "use it between cutover and tidemark finish"
                )
            }
            let snapshot = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot")
                .snapshot("snapshot")
            let now = Mark(snapshot, of: MarkIdentity(try DatabaseIdentity(of: connection)))
            if let reason = mark.voidReason(at: now) {
                throw LedgerError(
                    .missing,
                    "the target does not show any more what was written since the cutover: \(reason)"
                )
            }
            let ledger = Ledger(connection)
            return (
                run: run,
                beginning: Beginning(
                    mark: mark,
                    kept: try ledger.counters(of: .target)[run.pass],
                    own: try ledger.ownWrites(),
                    relations: try ledger.relations(),
                    warnings: []
                )
            )
        }
        guard let snapshot = beginning.run.cutoverSnapshot else { return beginning.beginning }
        let nothing = try await Connection.with(source, purpose: "tidemark verify") {
            try TransactionIds(since: snapshot, on: $0).nothingCommitted
        }
        guard nothing == nil else { return beginning.beginning }
        return Beginning(
            mark: beginning.beginning.mark,
            kept: beginning.beginning.kept,
            own: beginning.beginning.own,
            relations: beginning.beginning.relations,
            warnings: [
                "transactions were committed on the source since the cutover; what they wrote differs from the target"
            ]
        )
    }

    /// The result in place of a comparison of large objects.
    ///
    /// - Parameters:
    ///   - source: A connection to the source.
    ///   - scope: What was to be copied.
    /// - Returns: What is not proven.
    /// - Throws: ``PostgresError``.
    static func withoutLargeObjects(_ source: Connection, in scope: Scope) throws -> VerificationResult {
        var result = VerificationResult(method: "")
        let areThere = try source.queryOne("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS f")
        if try areThere.boolean("f"), !scope.omits(.largeObjects) {
            result.notProven.append(
                "large objects were not compared: nothing shows which were written since the cutover"
            )
        }
        return result
    }
}
