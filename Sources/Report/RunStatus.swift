import Catalog
package import Ledger
import Postgres

/// The progress of a run, as its ledger records it.
public struct RunStatus: Sendable, Codable {
    /// The run's identifier.
    public let run: String
    /// The name of the source database.
    public let source: String
    /// The last step it has reached.
    public let step: String
    /// The number of the current or last pass.
    public let pass: Int
    /// Whether that pass is complete.
    public let isPassComplete: Bool
    /// The number of the client that is at work or was the last: the run's first one is 1.
    public let epoch: Int
    /// All chunks.
    public let chunks: Int
    /// Chunks that have a base.
    public let chunksWithBase: Int
    /// Chunks that this pass has copied up to a new mark.
    public let chunksOfPass: Int
    /// Rows the target holds.
    public let rows: Int
    /// Bytes copied in all passes together.
    public let bytes: Int
    /// All keys, indexes and constraints.
    public let objects: Int
    /// The keys, indexes and constraints that are built.
    public let objectsBuilt: Int
    /// When the last rehearsal ended as proven, ISO 8601 in UTC; nil if there was none.
    public let rehearsedAt: String?
    /// How long that rehearsal took, in seconds.
    public let rehearsedSeconds: Double?
    /// Who works on the run now; nil: no client is connected.
    public let client: Client?
    /// The worker processes that take part in its call now.
    public let workers: [Worker]
    /// How the last call ended that wrote to the target; nil if none has begun, or the last one is at work or was killed.
    public let lastCall: LastCall?
    /// What to do next.
    public let next: String
    /// How long the night will take; nil if nothing was measured yet.
    public let forecast: NightForecast?
    /// When the ledger last changed; nil if it never did.
    public let lastChange: String?

    package init(
        _ entry: RunEntry,
        totals: LedgerTotals,
        measures: NightMeasures,
        client: RunClient?,
        workers: [WorkerEntry],
        lastEnding: CallEnding?
    ) {
        run = entry.runId
        source = entry.source.databaseName.string
        step = entry.step.rawValue
        pass = entry.pass
        isPassComplete = !entry.isPassOpen
        epoch = RunEntry.client(ofEpoch: entry.epoch)
        chunks = totals.chunks
        chunksWithBase = totals.chunksWithBase
        chunksOfPass = totals.chunksOfPass
        rows = totals.rows
        bytes = totals.bytes
        objects = totals.objects
        objectsBuilt = totals.objectsBuilt
        rehearsedAt = entry.rehearsal?.endedAt
        rehearsedSeconds = entry.rehearsal?.seconds
        self.client = client.map(Client.init)
        self.workers = workers.map(Worker.init)
        lastCall = lastEnding.map(LastCall.init)
        next = StatusAdvice(entry, after: lastEnding, isAtWork: client != nil).next
        forecast = entry.step == .done || entry.archive != nil ? nil : NightForecast(measures)
        lastChange = totals.lastChange
    }

    /// A client that works on a run.
    public struct Client: Sendable, Codable {
        /// Its process on the target's server.
        public let process: Int
        /// Its role.
        public let role: String
        /// Where it is connected from; nil: from the server's own machine.
        public let address: String?
        /// For how long it has been connected, in seconds.
        public let seconds: Int
        /// The command; nil: it is still opening the run.
        public let command: String?
        /// The phase that it is in; nil: none has lasted longer than a second.
        public let phase: String?
        /// For how long, in seconds.
        public let phaseSeconds: Int?

        init(_ client: RunClient) {
            process = client.process
            role = client.role.visible
            address = client.address
            seconds = client.seconds
            command = client.command?.visible
            phase = client.phase?.visible
            phaseSeconds = client.phaseSeconds
        }

        /// Who it is, in one line.
        var text: String {
            let place = address.map { "from \($0)" } ?? "on the server's machine"
            let what = "\(command ?? "opening the run") by \(role) \(place), \(Quantity.clock(Double(seconds)))"
            return phase.map { "\(what); \($0), \(Quantity.clock(Double(phaseSeconds ?? 0)))" } ?? what
        }
    }

    /// How a call has ended.
    public struct LastCall: Sendable, Codable {
        /// The command, such as `cutover`.
        public let command: String
        /// Its outcome, as in its report, such as `done`, or the error that ended it.
        public let outcome: String
        /// When it ended, in UTC.
        public let endedAt: String

        init(_ ending: CallEnding) {
            command = ending.command.visible
            outcome = ending.outcome.visible
            endedAt = ending.at
        }
    }

    /// A worker process that takes part in a call.
    public struct Worker: Sendable, Codable {
        /// The name it was given.
        public let name: String
        /// Where it is connected from; nil: from the target's own machine.
        public let address: String?
        /// How many chunks it copies at the same time.
        public let jobs: Int
        /// For how long it has taken part, in seconds.
        public let seconds: Int
        /// The chunks that it has copied in this call.
        public let chunks: Int
        /// Rows it has written in this call.
        public let rows: Int
        /// Bytes it has copied in this call.
        public let bytes: Int
        /// The statements of builds that it has executed in this call.
        public let statements: Int

        init(_ worker: WorkerEntry) {
            name = worker.name.visible
            address = worker.address
            jobs = worker.jobs
            seconds = worker.seconds
            chunks = worker.chunks
            rows = worker.rows
            bytes = worker.bytes
            statements = worker.statements
        }

        /// What it has done, in one line.
        var text: String {
            "\(name)\(address.map { " from \($0)" } ?? ""): \(Quantity.count(chunks, "chunk")), \(Quantity.bytes(bytes)), "
                + "\(Quantity.count(statements, "statement")) of builds, \(Quantity.clock(Double(seconds)))"
        }
    }

    /// The status as a JSON document.
    public func json() throws -> String { try document() }

    /// The forecast of the night, line by line; empty if there is none.
    public var forecastLines: [String] { forecast?.lines ?? [] }

    private var notEnded: String { client == nil ? "no call yet, or the last one was killed" : "not yet" }

    /// The status as a few lines of text.
    public var text: String {
        let rehearsal = rehearsedAt.map { "\nRehearsed \($0), in \(Quantity.seconds(rehearsedSeconds ?? 0))" } ?? ""
        let forecast = (forecast?.lines).map { "\n\n" + $0.joined(separator: "\n") } ?? ""
        return """
            Run      \(run), from database \(source)
            Step     \(step)
            Pass     \(pass), \(isPassComplete ? "complete" : "\(chunksOfPass) of \(Quantity.count(chunks, "chunk"))")
            Base     \(chunksWithBase) of \(Quantity.count(chunks, "chunk")), \(Quantity.count(rows, "row")), \(Quantity.bytes(bytes)) copied
            Objects  \(objectsBuilt) of \(objects) built
            At work  \(client?.text ?? "no client")\(workers.map { "\nWorker   \($0.text)" }.joined())
            Ended    \(lastCall.map { "\($0.command): \($0.outcome), \($0.endedAt)" } ?? notEnded)
            Changed  \(lastChange ?? "never"), client number \(epoch)\(rehearsal)

            NEXT: \(next)\(forecast)
            """
    }
}
