import Postgres

/// The fate of the transaction ids that a server assigned since a snapshot.
struct TransactionIds: Sendable {
    /// How many were assigned or in flight, subtransactions included.
    let count: UInt64
    /// The first one after the snapshot.
    private let first: UInt64
    /// Whether one of them was committed, or this is unknown.
    private let mayHaveCommitted: Bool

    /// More are not checked one by one.
    private static let most: UInt64 = 10_000

    /// Reads the status of each id.
    ///
    /// - Parameters:
    ///   - snapshot: The snapshot.
    ///   - connection: A connection to the server of the snapshot.
    /// - Throws: ``PostgresError``.
    init(since snapshot: Snapshot, on connection: Connection) throws {
        let now = try connection.queryOne("SELECT pg_catalog.txid_current_snapshot()::text AS snapshot")
            .snapshot("snapshot")
        first = snapshot.xmax
        count = now.xmax - snapshot.xmax + UInt64(snapshot.inFlight.count)
        guard count > 0, count <= Self.most else {
            mayHaveCommitted = count > 0
            return
        }
        let inFlight = "{" + snapshot.inFlight.map(String.init).joined(separator: ",") + "}"
        mayHaveCommitted = try connection.queryOne(
            """
            SELECT pg_catalog.count(*) > 0 AS may_have_committed
            FROM (SELECT pg_catalog.generate_series(\(value: String(snapshot.xmax))::bigint,
                                                    \(value: String(now.xmax))::bigint - 1) AS id
                  UNION ALL SELECT pg_catalog.unnest(\(value: inFlight)::bigint[])) AS ids
            WHERE coalesce(pg_catalog.txid_status(id), 'committed'::pg_catalog.text)
                  NOT IN ('aborted'::pg_catalog.text, 'in progress'::pg_catalog.text)
            """
        ).boolean("may_have_committed")
    }

    /// Why nothing was written; nil if something may have been.
    var nothingCommitted: String? {
        guard !mayHaveCommitted else { return nil }
        return count == 0
            ? "no transaction wrote on the source since the last snapshot (no id was handed out since \(first), none was in flight)"
            : "no transaction that wrote on the source since the last snapshot was committed (\(count) \(count == 1 ? "id was" : "ids were") handed out or in flight)"
    }
}
