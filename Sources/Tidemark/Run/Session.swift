import Catalog
import Ledger
import Planning
import Postgres
import Rebuild
import Transfer

/// A run that this client owns: its control connection and what is known about both sides.
struct Session: Sendable {
    let context: RunContext
    /// The command this client runs, such as precopy or cutover.
    let act: String
    /// The connection that holds the advisory lock, open for the whole run.
    let control: ThreadConfined<Connection>
    let tools: PostgresTools
    let run: RunEntry
    /// Whether the target was proven by a cutover before this call, so that it may have been opened since.
    let mayBeOpen: Bool
    let epoch: Int
    let source: DatabaseCatalog
    let relations: [RelationEntry]
    /// What belongs to the run.
    let scope: Scope
    let warnings: [String]
    /// The source's definitions that were followed a moment ago; nil if they were just created on the target.
    private(set) var followed: SourceDefinitions?

    /// Returns the same session with the source's definitions.
    func following(_ definitions: SourceDefinitions) -> Session {
        var session = self
        session.followed = definitions
        return session
    }

    /// The target as the sessions that copy rows use it.
    var copyTarget: Endpoint { writesAsReplica ? context.target.asReplica : context.target }

    /// Whether rows are written as a replica writes them, because the target's foreign keys stay.
    var writesAsReplica: Bool { run.keepsForeignKeys || scope.isStage }

    var deltaRelations: [RelationEntry] { relations.filter(\.treatment.isCopiedAhead) }
    var copiedRelations: [RelationEntry] { relations.filter(\.treatment.copiesRows) }
    /// The sequences to copy, without those that serve only excluded tables.
    var sequences: [SequenceDefinition] { source.sequences(in: scope) }

    /// Uses the ledger on the control connection, in its own fenced transaction.
    func ledger<Result: Sendable>(_ body: @escaping @Sendable (Ledger) throws -> Result) async throws -> Result {
        try await control.run { [epoch] connection in
            try connection.transaction(.readWrite) {
                let ledger = Ledger(connection, epoch: epoch)
                try ledger.fence()
                return try body(ledger)
            }
        }
    }

    /// Finds unlogged tables that a crash of the target has emptied, so that they are copied again.
    ///
    /// - Returns: Whether there are any.
    func forgetEmptied() async throws -> Bool {
        let emptied = try await ledger { [relations] in try $0.forgetEmptied(among: relations) }
        for relation in emptied {
            context.note(
                "\(relation.name) is unlogged, and the target lost its rows in a crash: they are copied again"
            )
        }
        return !emptied.isEmpty
    }

    /// Resets a run that is done, because this call may change the target again.
    func takeBackDone() async throws {
        guard run.step == .done else { return }
        try await ledger { try $0.setStep(.postData) }
    }

    /// Returns how the tables are cut and which ranges were proven ahead; no proofs if everything is to be compared.
    func planAndProofs() async throws -> (plan: Plan, proofs: Ledger.Proofs) {
        let chunks = try await control.run { try Ledger($0).chunks() }
        let proofs = context.options.verifiesInFull ? [:] : Ledger.proofs(of: relations, chunks)
        return (Ledger.plan(of: relations, chunks), proofs)
    }

    /// The ranges of tables that are declared immutable.
    func declaredImmutable() async throws -> [QualifiedName: Set<KeyRange>] {
        let chunks = try await control.run { try Ledger($0).chunks() }.filter(\.isImmutable)
        let names = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0.name) })
        return Dictionary(grouping: chunks, by: \.relationId).reduce(into: [:]) { declared, entry in
            if let name = names[entry.key] { declared[name] = Set(entry.value.map(\.range)) }
        }
    }

    /// The part of every mark that identifies the source.
    var markIdentity: MarkIdentity {
        MarkIdentity(source.identity)
    }

    func passContext(pass: Int, snapshot: SharedSnapshot?, keepsTriggersOff: Bool = false) -> PassContext {
        PassContext(
            pass: pass,
            claimant: Claimant(epoch: epoch),
            relations: relations,
            identity: markIdentity,
            snapshot: snapshot,
            keepsTriggersOff: keepsTriggersOff,
            keepsForeignKeys: writesAsReplica,
            longestTransaction: context.options.longestTransaction,
            workers: context.options.jobs
        )
    }

    /// Returns the name that `pg_stat_activity` shows: the run, the command, the worker.
    func purpose(_ work: String) -> String { "\(run.sessionPrefix) \(act) \(work)" }
}
