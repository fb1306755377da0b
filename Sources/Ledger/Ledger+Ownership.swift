package import Catalog
import Glibc
package import Postgres

extension Ledger {
    /// Two numbers that name the tool's advisory lock ("tide", "mark"); such locks are per database.
    private static let lockKey: SQL = "1953064037, 1835102827"

    /// Makes this client the only one at work on the target, creating the ledger where there is none.
    ///
    /// The lock belongs to the session: the connection must stay open as long as the run works. What a killed client
    /// left running on the server is ended first, then the epoch is raised, which waits for every worker transaction
    /// still alive and fences off any that comes later.
    ///
    /// - Parameters:
    ///   - connection: The control connection to the target.
    ///   - source: Which database is being copied.
    ///   - toolVersion: Who writes the ledger.
    ///   - archive: The archive the rows come from; nil: from the source itself.
    ///   - acceptsOtherSystem: Whether the source may be another cluster than it was, with the same rows.
    ///   - mayCreate: Whether an empty target may become ours.
    ///   - mayAdopt: Whether one that is not empty may.
    /// - Returns: The run and the ledger, with the new epoch.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    package static func takeOver(
        _ connection: Connection,
        source: DatabaseIdentity,
        toolVersion: String,
        archive: String? = nil,
        acceptsOtherSystem: Bool = false,
        mayCreate: Bool,
        mayAdopt: Bool = false
    ) throws -> (run: RunEntry, ledger: Ledger) {
        try lock(connection)
        func refuse() throws {
            try Self.refuse(
                connection,
                source: source,
                archive: archive,
                acceptsOtherSystem: acceptsOtherSystem,
                mayCreate: mayCreate,
                mayAdopt: mayAdopt
            )
        }
        try refuse()
        if try run(on: connection) == nil {
            try create(on: connection, source: source, archive: archive, toolVersion: toolVersion)
            try refuse()
        }
        guard let found = try run(on: connection) else { throw LedgerError(.missing, "the ledger is empty") }
        try connection.endSessions(named: found.sessionPrefix)
        let epoch = try connection.queryOne("UPDATE tidemark.run SET epoch = epoch + 1 RETURNING epoch").integer(
            "epoch"
        )
        let ledger = Ledger(connection, epoch: epoch)
        // What an archive has brought stands at marks of the source: the source itself may bring the rest.
        if archive == nil, found.archive != nil { try ledger.leaveArchive() }
        if found.source != source { try ledger.keep(source) }
        return (found, ledger)
    }

    /// Refuses a target that cannot be taken over; changes nothing.
    ///
    /// - Parameters:
    ///   - connection: A connection to the target.
    ///   - source: Which database is being copied.
    ///   - archive: The archive the rows come from; nil: from the source itself.
    ///   - acceptsOtherSystem: Whether the source may be another cluster than it was, with the same rows.
    ///   - mayCreate: Whether an empty target may become ours.
    ///   - mayAdopt: Whether one that is not empty may.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    package static func refuse(
        _ connection: Connection,
        source: DatabaseIdentity,
        archive: String? = nil,
        acceptsOtherSystem: Bool,
        mayCreate: Bool,
        mayAdopt: Bool
    ) throws {
        guard let found = try run(on: connection) else {
            return try refuseForeignTarget(connection, mayCreate: mayCreate, mayAdopt: mayAdopt)
        }
        if found.step == .begun {
            // Some definitions may have been made already, in transactions of their own: what is there is ours.
            let isOurs = try !Ledger(connection).definitions().isEmpty
            try refuseForeignTarget(connection, mayCreate: mayCreate, mayAdopt: mayAdopt || isOurs)
        }
        try refuseOtherRole(connection)
        if let difference = found.source.difference(from: source, acceptsOtherSystem: acceptsOtherSystem) {
            throw LedgerError(
                .otherSource,
                "the target is being filled from \(difference)",
                hint: "check --source; a target takes one source until: tidemark finish --target …"
                    + (acceptsOtherSystem ? "" : "; " + DatabaseIdentity.otherSystemHint)
            )
        }
        if let archive, found.archive != archive {
            throw LedgerError(
                .otherSource,
                "the target is being filled "
                    + (found.archive.map { "from archive \($0)" } ?? "from its source itself")
                    + ", not from archive \(archive)",
                hint: "check --archive, or restore into an empty database"
            )
        }
    }

    /// The rows come from the source itself from now on.
    ///
    /// In one statement, since an archive's passes count its generations: chunks would pass for brought already. Only
    /// after the epoch is raised: a worker of an earlier client may still be about to complete a chunk.
    private func leaveArchive() throws {
        try connection.execute(
            """
            WITH left_behind AS (UPDATE tidemark.run SET archive = NULL RETURNING epoch)
            UPDATE tidemark.chunk SET pass = 0 WHERE EXISTS (SELECT FROM left_behind)
            """
        )
    }

    /// The source as it is now: it may have been restarted, failed over or upgraded.
    private func keep(_ source: DatabaseIdentity) throws {
        try connection.execute("UPDATE tidemark.run SET source = \(value: try Self.json(source))::jsonb")
    }

    /// Makes this session the only client of ours at work on the target, ledger or not.
    package static func lockTarget(_ connection: Connection) throws { try lock(connection) }

    static func lock(_ connection: Connection) throws {
        // A client that was just killed holds the lock until its server process notices.
        for attempt in 0..<50 {
            if attempt > 0 { usleep(100_000) }
            if try connection.queryOne("SELECT pg_catalog.pg_try_advisory_lock(\(lockKey)) AS got").boolean("got") {
                return
            }
        }
        let holder = try connection.query(
            """
            SELECT a.pid, a.application_name FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
            WHERE l.locktype = 'advisory' AND l.classid = 1953064037 AND l.granted
              AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            """
        ).first
        throw LedgerError(
            .busy,
            "another tidemark is at work on this target"
                + (holder.map {
                    " (server process \(($0["pid"] ?? "?").visible), \(($0["application_name"] ?? "?").visible))"
                } ?? ""),
            hint: "wait for it, or stop it; it leaves a state in which the work can be continued"
        )
    }

    /// What a run makes belongs to the role that makes it: a run gone on with as another would leave two owners, and
    /// the first object that is not its own would stop it in the night.
    private static func refuseOtherRole(_ connection: Connection) throws {
        let roles = try connection.queryOne(
            """
            SELECT pg_catalog.pg_get_userbyid(nspowner) AS owner, current_user AS us FROM pg_catalog.pg_namespace
            WHERE nspname = 'tidemark'
            """
        )
        let (owner, us) = (try roles.text("owner"), try roles.text("us"))
        guard owner != us else { return }
        throw LedgerError(
            .otherRole,
            "the run was begun as role \(Identifier(owner).quoted.visible), and this is \(Identifier(us).quoted.visible)",
            hint: "connect as it, or add --role \(Escaping.shellWord(owner.string).visible)"
        )
    }

    private static func refuseForeignTarget(_ connection: Connection, mayCreate: Bool, mayAdopt: Bool) throws {
        guard mayCreate else {
            throw LedgerError(
                .missing,
                "the target has no ledger: nothing was copied ahead",
                hint: "run first: tidemark precopy --source … --target …"
            )
        }
        let present = try connection.query(CatalogQuery.userRelations)
        guard present.isEmpty || mayAdopt else {
            let names = try present.prefix(5).map {
                try QualifiedName(schema: $0.text("schema"), name: $0.text("name")).description
            }
            throw LedgerError(
                .targetNotEmpty,
                "the target is not empty and holds no ledger of ours: "
                    + names.joined(separator: ", ") + (present.count > 5 ? ", …" : ""),
                hint:
                    "give an empty database (createdb -T template0 …), or take what was filled from the source by other means: tidemark precopy --adopt; nothing was written"
            )
        }
    }
}
