import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Transfer

/// A run that this client owns: its control connections and what is known about both sides.
struct Session: Sendable {
    let migration: Migration
    /// The act this client performs: precopy, cutover.
    let act: String
    /// Holds the advisory lock; open as long as the run works.
    let control: ThreadConfined<Connection>
    let tools: PostgresTools
    let run: RunEntry
    let epoch: Int
    let source: DatabaseCatalog
    let relations: [RelationEntry]
    let excluded: Set<QualifiedName>
    let warnings: [String]
    /// The source's definitions as they were followed a moment ago; nil where they were only just made.
    private(set) var followed: SourceDefinitions?

    /// The same session, which knows the source's definitions.
    func following(_ definitions: SourceDefinitions) -> Session {
        var session = self
        session.followed = definitions
        return session
    }

    /// What is not brought over.
    var omissions: Set<Omission> { migration.options.omissions }
    var deltaRelations: [RelationEntry] { relations.filter(\.treatment.isCopiedAhead) }
    var copiedRelations: [RelationEntry] { relations.filter(\.treatment.bringsRows) }
    /// Sequences that serve excluded tables alone are not brought over either.
    var sequences: [SequenceDefinition] { source.sequences(excluding: excluded) }

    /// Uses the ledger on the control connection, in a transaction of its own, fenced.
    func ledger<Result: Sendable>(_ body: @escaping @Sendable (Ledger) throws -> Result) async throws -> Result {
        try await control.run { [epoch] connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: epoch)
                try ledger.fence()
                return try body(ledger)
            }
        }
    }

    /// Looks for unlogged tables that a crash of the target has emptied, and forgets what was copied to them.
    ///
    /// - Returns: Whether there are any: their rows are due again.
    func forgetEmptied() async throws -> Bool {
        let emptied = try await ledger { [relations] in try $0.forgetEmptied(among: relations) }
        for relation in emptied {
            migration.observer(
                .note(
                    "\(relation.name) is unlogged, and the target has lost its rows in a crash: they are copied again"
                )
            )
        }
        return !emptied.isEmpty
    }

    /// What an earlier call has proven is so until this one changes anything.
    func takeBackDone() async throws {
        guard run.step == .done else { return }
        try await ledger { try $0.setStep(.postData) }
    }

    /// How the tables are cut, and which of their ranges were proven ahead, unless everything is to be compared.
    func planAndProofs() async throws -> (plan: Plan, proofs: Verify.Proofs) {
        let chunks = try await control.run { try Ledger($0).chunks() }
        let proofs = migration.options.verifiesInFull ? [:] : Ledger.proofs(of: relations, chunks)
        return (Ledger.plan(of: relations, chunks), proofs)
    }

    /// The part of every mark that tells the source.
    var markIdentity: MarkIdentity {
        MarkIdentity(source.identity)
    }

    func context(pass: Int, snapshot: SharedSnapshot?, keepsTriggersOff: Bool = false) -> PassContext {
        PassContext(
            pass: pass,
            epoch: epoch,
            relations: relations,
            identity: markIdentity,
            snapshot: snapshot,
            keepsTriggersOff: keepsTriggersOff
        )
    }

    /// What `pg_stat_activity` shows: the run, the act, the worker.
    func purpose(_ work: String) -> String { "\(run.sessionPrefix) \(act) \(work)" }
}

extension DatabaseCatalog {
    /// The sequences, without those that serve excluded tables alone.
    func sequences(excluding excluded: Set<QualifiedName>) -> [SequenceDefinition] {
        sequences.filter { $0.columns.isEmpty || $0.columns.contains { !excluded.contains($0.tableName) } }
    }
}

/// The operator asked the work to stop, and it did: everything done so far is committed, or was not begun.
public struct Stopped: Error, CustomStringConvertible {
    /// Says so.
    public init() {}

    /// For people.
    public var description: String { "stopped, as asked to; nothing was judged: run the same command again" }
}

extension Error {
    /// Whether it says that the operator has stopped or cancelled the work, and nothing else.
    public var isStop: Bool {
        self is Stopped || self is CancellationError || (self as? PostgresError)?.code == .cancelled
    }
}

extension StopRequest {
    /// Ends the work here if somebody asked for it: everything done so far is committed.
    func check() throws {
        if isRequested { throw Stopped() }
    }
}
