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
    /// How many times a client has taken over the run.
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
    /// How long the night will take; nil if nothing was measured yet.
    public let forecast: NightForecast?
    /// When the ledger last changed; nil if it never did.
    public let lastChange: String?

    package init(_ entry: RunEntry, totals: LedgerTotals, measures: NightMeasures) {
        run = entry.runId
        source = entry.source.databaseName.string
        step = entry.step.rawValue
        pass = entry.pass
        isPassComplete = !entry.isPassOpen
        epoch = entry.epoch
        chunks = totals.chunks
        chunksWithBase = totals.chunksWithBase
        chunksOfPass = totals.chunksOfPass
        rows = totals.rows
        bytes = totals.bytes
        objects = totals.objects
        objectsBuilt = totals.objectsBuilt
        rehearsedAt = entry.rehearsal?.endedAt
        rehearsedSeconds = entry.rehearsal?.seconds
        forecast = entry.step == .done || entry.archive != nil ? nil : NightForecast(measures)
        lastChange = totals.lastChange
    }

    /// The status as a JSON document.
    public func json() throws -> String { try document() }

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
            Changed  \(lastChange ?? "never"), client number \(epoch)\(rehearsal)\(forecast)
            """
    }
}
