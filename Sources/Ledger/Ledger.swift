package import Catalog
import FoundationEssentials
package import Planning
package import Postgres

/// The record of a run, in the target.
///
/// Everything here is plain SQL in the transaction that is open on the connection. So the ledger's row of a chunk is
/// committed with the chunk's rows, and the row of an object with the object.
package struct Ledger {
    package static let version = 13
    package static let schema: Identifier = "tidemark"
    /// The ledger's tables, each before the tables it references.
    static let tables: [Identifier] = [
        "event", "refreshed_view", "object", "definition", "definition_file", "catalog", "slice", "chunk", "relation",
        "work", "worker", "throttle", "counters", "own_transaction", "run",
    ]

    package let connection: Connection
    /// The epoch of the client that owns the run; -1 if this one only reads.
    package let epoch: Int
    /// The part of a worker process; nil: this is the client that owns the run, or one that only reads.
    let participation: Claimant.Participation?

    package init(_ connection: Connection, epoch: Int = -1) {
        self.init(connection, by: Claimant(epoch: epoch))
    }

    init(_ connection: Connection, by claimant: Claimant) {
        self.connection = connection
        epoch = claimant.epoch
        participation = claimant.participation
    }

    /// Relations in the schema `tidemark` that are not the ledger's; they would not be copied.
    package static func strangers(on connection: Connection) throws -> [QualifiedName] {
        try connection.query(
            """
            SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'tidemark' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND c.relname NOT IN (\(tables.map { "\(literal: $0.name)" as SQL }.joined(separator: ", ")))
            UNION ALL
            SELECT '(a schema without a ledger)' FROM pg_catalog.pg_namespace
            WHERE nspname = 'tidemark' AND pg_catalog.to_regclass('tidemark.run') IS NULL
            ORDER BY 1
            """
        ).map { QualifiedName(schema: "tidemark", name: try $0.text("relname")) }
    }

    // MARK: The run

    /// The run; nil if the target has no ledger.
    package static func run(on connection: Connection) throws -> RunEntry? {
        let exists = try connection.queryOne("SELECT pg_catalog.to_regclass('tidemark.run') IS NOT NULL AS is_there")
        guard try exists.boolean("is_there") else { return nil }
        // Before anything else is read: the ledger of another version may have other columns.
        return try connection.readingAhead([versionQuery, runQuery]) {
            if let found = try connection.query(versionQuery).first, try found.integer("ledger_version") != version {
                throw LedgerError(
                    .unknownVersion,
                    "the target's ledger has version \(try found.word("ledger_version")), this tidemark needs version \(version)",
                    hint: "continue with tidemark \(try found.word("tool_version")), which began the run"
                )
            }
            return try connection.query(RunEntry.self, runQuery).first
        }
    }

    private static let versionQuery: SQL = "SELECT ledger_version, tool_version FROM tidemark.run"

    private static let runQuery: SQL = """
        SELECT run_id, epoch, tool_version, step, pass, is_pass_open, source, omissions, cutover_snapshot, left_at,
               keeps_foreign_keys, is_rehearsed, rehearsal, returned, archive
        FROM tidemark.run
        """

    /// Creates an empty ledger.
    package static func create(
        on connection: Connection,
        source: DatabaseIdentity,
        archive: String? = nil,
        toolVersion: String
    ) throws {
        try connection.transaction(.readWrite) {
            try connection.execute(SQL(trusted: String(decoding: PackageResources.ledger_sql, as: UTF8.self)))
            // Another run's epochs must not come again: a client of a run that was given up, stopped for hours, may reconnect
            // and find this ledger.
            let epoch = Int.random(in: 1..<RunEntry.beginnings) * RunEntry.clients
            try connection.execute(
                """
                INSERT INTO tidemark.run (ledger_version, run_id, epoch, tool_version, step, pass, is_pass_open, source, archive)
                VALUES (\(version), \(value: UUID().uuidString)::uuid, \(value: epoch), \(value: toolVersion),
                        \(value: RunStep.begun.rawValue), 0, false, \(value: try json(source))::jsonb, \(value: archive))
                """
            )
        }
    }

    /// Fails if another client has taken over the run, or the work that a worker process takes part in is over; delays both
    /// until this transaction ends.
    ///
    /// Every transaction that writes rows begins with it, so it also records the transaction as this run's own.
    package func fence() throws {
        let standing: SQL =
            participation.map { "JOIN tidemark.work w ON w.work_id = \(value: $0.announcement) AND NOT w.is_closed" }
            ?? ""
        let locks: SQL = participation == nil ? "FOR SHARE" : "FOR SHARE OF r FOR KEY SHARE OF w"
        let rows = try connection.query(
            """
            WITH own AS (
                INSERT INTO tidemark.own_transaction VALUES (\(Self.currentTransaction)) ON CONFLICT DO NOTHING)
            SELECT FROM tidemark.run r \(standing) WHERE r.epoch = \(value: epoch) \(locks)
            """
        )
        guard rows.count == 1 else {
            if participation != nil { throw LedgerError(.withdrawn, "the work that this worker took part in is over") }
            throw LedgerError(
                .fenced,
                "another tidemark has taken over this run",
                hint: "see: tidemark status --target …"
            )
        }
    }

    /// Adds to the recorded omissions.
    package func leaveOut(_ omissions: Set<Omission>) throws {
        let names = omissions.map(\.record).sorted()
        try connection.execute(
            """
            UPDATE tidemark.run SET omissions = (
                SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT o.name ORDER BY o.name), '[]')
                FROM pg_catalog.jsonb_array_elements_text(omissions || \(value: try Self.json(names))::jsonb) AS o(name))
            """
        )
    }

    package func setStep(_ step: RunStep) throws {
        try connection.execute("UPDATE tidemark.run SET step = \(value: step.rawValue)")
    }

    /// Begins the next pass, or continues the open one.
    ///
    /// - Returns: The pass's number.
    package func openPass() throws -> Int {
        let pass = try connection.queryOne(
            """
            UPDATE tidemark.run SET pass = CASE WHEN is_pass_open THEN pass ELSE pass + 1 END, is_pass_open = true
            RETURNING pass
            """
        ).integer("pass")
        try alignDue(to: pass)
        return pass
    }

    /// Sets all due chunks to the last pass, so that the largest tables come first, regardless of which passes each chunk
    /// has missed.
    private func alignDue(to pass: Int) throws {
        try connection.execute("UPDATE tidemark.chunk SET pass = \(pass - 1) WHERE pass < \(pass - 1)")
    }

    /// Begins a new pass even if one is open, because its chunks need a newer mark than any before.
    ///
    /// - Parameter snapshot: The only snapshot the pass reads.
    /// - Returns: The pass's number.
    /// - Throws: ``PostgresError``.
    package func openCutoverPass(reading snapshot: Snapshot) throws -> Int {
        let pass = try connection.queryOne(
            """
            UPDATE tidemark.run
            SET pass = pass + 1, is_pass_open = true, cutover_snapshot = \(value: snapshot.description)
            RETURNING pass
            """
        ).integer("pass")
        try alignDue(to: pass)
        return pass
    }

    /// Marks chunks that are declared immutable as done: once they have a base, they are not read again.
    package func passOverImmutable(_ pass: Int) throws {
        try connection.execute(
            "UPDATE tidemark.chunk SET pass = \(pass) WHERE is_immutable AND mark IS NOT NULL AND read_pass > 0 AND pass < \(pass)"
        )
    }

    package func closePass() throws {
        try connection.execute("UPDATE tidemark.run SET is_pass_open = false")
    }

    // MARK: The audit trail

    /// Records one event.
    package func record(
        _ kind: String,
        subject: String? = nil,
        relation: Int? = nil,
        chunk: Int? = nil,
        count: CopyCount? = nil,
        duration: Duration? = nil
    ) throws {
        try record([
            Event(kind, subject, relation: relation, chunk: chunk, count: count, duration: duration)
        ])
    }

    static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}

extension Duration {
    /// Whole milliseconds, rounded toward zero.
    package var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
