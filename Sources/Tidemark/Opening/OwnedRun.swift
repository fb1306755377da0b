import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

/// A run that this client has taken over on the target, before its tables exist or their changes are followed.
struct OwnedRun: Sendable {
    let context: RunContext
    /// The connection that holds the advisory lock, open for the whole run.
    let control: ThreadConfined<Connection>
    let tools: PostgresTools
    /// The run as it was when it was taken over.
    var entry: RunEntry
    /// Whether the target was proven by a cutover when it was taken over, so that it may have been opened since.
    let mayBeOpen: Bool
    let epoch: Int
    /// What the source contains.
    let source: DatabaseCatalog
    let target: DatabaseIdentity

    /// How far a call may go with a target.
    struct Permissions {
        /// Whether a new run may begin.
        let mayCreate: Bool
        /// The archive that is restored; nil for a run from a source.
        var archive: String?
    }

    /// Takes over the run on the target, or begins one.
    ///
    /// - Parameters:
    ///   - context: The run's context.
    ///   - control: A connection to the target.
    ///   - tools: The tools of the target's version.
    ///   - source: What the source contains.
    ///   - target: The identity of the target.
    ///   - permissions: How far this call may go.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    init(
        takingOver context: RunContext,
        on control: ThreadConfined<Connection>,
        tools: PostgresTools,
        source: DatabaseCatalog,
        target: DatabaseIdentity,
        _ permissions: Permissions
    ) async throws {
        let options = context.options
        (entry, epoch) = try await control.run { connection in
            let taken = try Ledger.takeOver(
                connection,
                source: source.identity,
                toolVersion: Versions.tidemark,
                archive: permissions.archive,
                acceptsOtherSystem: options.acceptsMovedSource,
                leavingOut: options.omissions,
                mayCreate: permissions.mayCreate,
                mayAdopt: options.targetContents != .nothing || options.isStage
            )
            try taken.ledger.leaveOut(options.omissions)
            // Of a run that has begun the catalog is recorded later, while pg_dump works.
            if taken.run.step == .begun { try taken.ledger.keep(source, withLabels: true) }
            return (taken.run, taken.ledger.epoch)
        }
        mayBeOpen = entry.step == .done && !entry.isRehearsed
        for server in context.servers {
            server.watch?.name = entry.sessionPrefix
            // Under their old names they would be taken for somebody else's.
            server.endIdleSessions()
        }
        // Like all sessions of the run, it must not be taken for somebody else's.
        try await control.run { [entry] in try $0.rename("\(entry.sessionPrefix) control") }
        self.context = context
        self.control = control
        self.tools = tools
        self.source = source
        self.target = target
    }

    /// What `pg_stat_activity` shows of sessions that work on definitions.
    var purpose: String { "\(entry.sessionPrefix) definitions" }

    /// Runs `body` on a connection of its own to the target.
    func onTarget<Result: Sendable>(_ body: @Sendable (Connection) throws -> Result) async throws -> Result {
        try await Connection.with(context.target, purpose: purpose, body: body)
    }

    /// Reads what the ledger holds now.
    ///
    /// - Parameters:
    ///   - act: The command the session is for, such as precopy or cutover.
    ///   - warnings: Warnings for the report.
    ///   - followed: The source's definitions, if they were followed a moment ago.
    /// - Returns: A session that can work.
    /// - Throws: ``LedgerError``, ``PostgresError``.
    func session(for act: String, warnings: [String], followed: SourceDefinitions? = nil) async throws -> Session {
        let (run, relations) = try await control.run { connection in
            guard let run = try Ledger.run(on: connection) else {
                throw LedgerError(.missing, "the ledger was dropped")
            }
            return (run, try Ledger(connection).relations())
        }
        return Session(
            context: context,
            act: act,
            control: control,
            tools: tools,
            run: run,
            mayBeOpen: mayBeOpen,
            epoch: epoch,
            source: source,
            relations: relations,
            scope: Scope(
                excluding: SettledTables(relations, in: source).excluded,
                omitting: context.options.omissions,
                staged: run.isStage ? Set(relations.filter(\.isShared).map(\.name)) : nil
            ),
            warnings: warnings,
            followed: followed
        )
    }
}
