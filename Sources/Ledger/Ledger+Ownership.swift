package import Catalog
import Glibc
package import Planning
package import Postgres

extension Ledger {
    /// The two numbers of the tool's advisory lock ("tide", "mark"); advisory locks are per database.
    static let lockKey: SQL = "1953064037, 1835102827"

    /// Makes this client the only one working on the target; creates the ledger if there is none.
    ///
    /// The lock belongs to the session, so the connection must stay open while the run works. Sessions that a killed
    /// client left running are ended first. Then the epoch is raised, which waits for every worker transaction still
    /// alive and fences off later ones.
    ///
    /// - Parameters:
    ///   - connection: The control connection to the target.
    ///   - source: The identity of the database being copied.
    ///   - toolVersion: The version of the tool that writes the ledger.
    ///   - archive: The archive the rows come from; nil: from the source itself.
    ///   - acceptsOtherSystem: Whether the source may be a different cluster than before, with the same rows.
    ///   - omissions: What is left out; what the target has in such schemas does not matter.
    ///   - mayCreate: Whether to accept an empty target without a ledger.
    ///   - mayAdopt: Whether to accept a target without a ledger that is not empty.
    /// - Returns: The run and the ledger, with the new epoch.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    package static func takeOver(
        _ connection: Connection,
        source: DatabaseIdentity,
        toolVersion: String,
        archive: String? = nil,
        acceptsOtherSystem: Bool = false,
        leavingOut omissions: Set<Omission> = [],
        mayCreate: Bool,
        mayAdopt: Bool = false
    ) throws -> (run: RunEntry, ledger: Ledger) {
        try lock(connection)
        func refuse() throws -> RunEntry? {
            try Self.refuse(
                connection,
                source: source,
                archive: archive,
                acceptsOtherSystem: acceptsOtherSystem,
                leavingOut: omissions,
                mayCreate: mayCreate,
                mayAdopt: mayAdopt
            )
        }
        var begun = try refuse()
        if begun == nil {
            try create(on: connection, source: source, archive: archive, toolVersion: toolVersion)
            begun = try refuse()
        }
        guard let found = begun else { throw LedgerError(.missing, "the ledger is empty") }
        try connection.endSessions(named: found.sessionPrefix)
        // What an operator has set is for the call before.
        let epoch = try connection.queryOne(
            """
            WITH forgotten AS (DELETE FROM tidemark.throttle), withdrawn AS (DELETE FROM tidemark.work)
            UPDATE tidemark.run SET epoch = epoch + 1, owner_process = pg_catalog.pg_backend_pid() RETURNING epoch
            """
        ).integer("epoch")
        let ledger = Ledger(connection, epoch: epoch)
        // Chunks restored from an archive have marks of the source, so the source itself can supply the rest.
        if archive == nil, found.archive != nil { try ledger.leaveArchive() }
        if found.source != source { try ledger.keep(source) }
        return (found, ledger)
    }

    /// Refuses a target that cannot be taken over; changes nothing.
    ///
    /// - Parameters:
    ///   - connection: A connection to the target.
    ///   - source: The identity of the database being copied.
    ///   - archive: The archive the rows come from; nil: from the source itself.
    ///   - acceptsOtherSystem: Whether the source may be a different cluster than before, with the same rows.
    ///   - omissions: What is left out; what the target has in such schemas does not matter.
    ///   - mayCreate: Whether to accept an empty target without a ledger.
    ///   - mayAdopt: Whether to accept a target without a ledger that is not empty.
    /// - Returns: The run that has begun; nil if none has.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    @discardableResult
    package static func refuse(
        _ connection: Connection,
        source: DatabaseIdentity,
        archive: String? = nil,
        acceptsOtherSystem: Bool,
        leavingOut omissions: Set<Omission>,
        mayCreate: Bool,
        mayAdopt: Bool
    ) throws -> RunEntry? {
        guard let found = try run(on: connection) else {
            try refuseForeignTarget(connection, leavingOut: omissions, mayCreate: mayCreate, mayAdopt: mayAdopt)
            return nil
        }
        if found.step == .begun {
            // If definitions are recorded, an earlier attempt has created objects here, so what is there is ours.
            let isOurs = try !Ledger(connection).definitions().isEmpty
            let all = omissions.union(found.omissions)
            try refuseForeignTarget(connection, leavingOut: all, mayCreate: mayCreate, mayAdopt: mayAdopt || isOurs)
        }
        try refuseOtherRole(connection)
        if let difference = found.source.difference(from: source, acceptsOtherSystem: acceptsOtherSystem) {
            throw LedgerError(
                .otherSource,
                "the target is being filled from \(difference)",
                hint: "check --source; a run keeps the source it began with, and another source needs an empty target"
                    + (acceptsOtherSystem ? "" : "; " + DatabaseIdentity.otherSystemHint)
            )
        }
        if let archive, found.archive != archive {
            throw LedgerError(
                .otherSource,
                "the target is being filled "
                    + (found.archive.map { "from archive \($0)" } ?? "directly from its source")
                    + ", not from archive \(archive)",
                hint: "check --archive, or restore into an empty database"
            )
        }
        return found
    }

    /// Records that the rows come from the source itself from now on.
    ///
    /// In one statement, because passes of an archive count its generations, and chunks would look finished otherwise.
    /// Only after the epoch is raised, because a worker of an earlier client may still be completing a chunk.
    private func leaveArchive() throws {
        try connection.execute(
            """
            WITH left_behind AS (UPDATE tidemark.run SET archive = NULL RETURNING epoch)
            UPDATE tidemark.chunk SET pass = 0 WHERE EXISTS (SELECT FROM left_behind)
            """
        )
    }

    /// Stores the source's current identity: it may have been restarted, failed over or upgraded.
    private func keep(_ source: DatabaseIdentity) throws {
        try connection.execute("UPDATE tidemark.run SET source = \(value: try Self.json(source))::jsonb")
    }

    /// Locks the target, and ends the sessions that a killed client of its run has left behind, if there is a run.
    ///
    /// Comes before the target's catalog is read, because that waits for the locks of an unfinished transaction, and before the
    /// ledger is: until then another client may still change it.
    ///
    /// - Parameter connection: The control connection to the target.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    package static func endLeftovers(on connection: Connection) throws {
        guard let run = try run(on: connection) else { return }
        try lock(connection)
        try connection.endSessions(named: run.sessionPrefix)
    }

    /// Makes this session the only client of ours working on the target, with or without a ledger.
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
            hint: "wait for it, or stop it; its work can be resumed afterwards"
        )
    }

    /// Refuses a role other than the one that began the run.
    ///
    /// Objects belong to the role that creates them. A run resumed as another role would leave objects with two owners and
    /// fail during cutover at the first object that is not its own.
    static func refuseOtherRole(_ connection: Connection) throws {
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
            "the run was begun as role \(Identifier(owner).quoted.visible), but this is \(Identifier(us).quoted.visible)",
            hint: "connect as that role, or add --role \(Escaping.shellWord(owner.string).visible)"
        )
    }

    private static func refuseForeignTarget(
        _ connection: Connection,
        leavingOut omissions: Set<Omission>,
        mayCreate: Bool,
        mayAdopt: Bool
    ) throws {
        guard mayCreate else {
            throw LedgerError(
                .missing,
                "the target has no ledger: nothing was copied ahead",
                hint: "run first: tidemark precopy --source … --target …"
            )
        }
        guard try strangers(on: connection).isEmpty else {
            throw LedgerError(
                .targetNotEmpty,
                "the target has a schema tidemark without a ledger; that name is reserved for the ledger",
                hint:
                    "look what is in it, and rename or drop it: ALTER SCHEMA tidemark RENAME TO …; nothing was written"
            )
        }
        let present = try connection.query(CatalogQuery.userRelations).map {
            QualifiedName(schema: try $0.text("schema"), name: try $0.text("name"))
        }.filter { !omissions.contains(.schema($0.schema)) }
        guard present.isEmpty || mayAdopt else {
            let names = present.prefix(5).map(\.description)
            throw LedgerError(
                .targetNotEmpty,
                "the target is not empty and has no tidemark ledger: "
                    + names.joined(separator: ", ") + (present.count > 5 ? ", …" : ""),
                hint:
                    "if this is the old server, --source and --target are exchanged. Otherwise give an empty database (createdb -T template0 …), or adopt one that was filled from the source by other means: tidemark precopy --adopt (rows that differ from the source are replaced, and rows that only the target has are deleted); nothing was written"
            )
        }
    }
}
