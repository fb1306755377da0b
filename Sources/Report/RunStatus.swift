import Catalog
package import Ledger
import Postgres

/// Where a run stands, as its ledger has it.
public struct RunStatus: Sendable, Codable {
    /// The run's identifier.
    public let run: String
    /// The source's database.
    public let source: String
    /// How far it has come.
    public let step: String
    /// The pass it is in, or did last.
    public let pass: Int
    /// Whether that pass is complete.
    public let isPassComplete: Bool
    /// How often a client has taken the run over.
    public let epoch: Int
    /// Chunks in all.
    public let chunks: Int
    /// Chunks that have a base.
    public let chunksWithBase: Int
    /// Chunks brought to the newest mark by the pass.
    public let chunksOfPass: Int
    /// Rows the target holds.
    public let rows: Int
    /// Bytes copied, all passes together.
    public let bytes: Int
    /// Keys, indexes and constraints in all.
    public let objects: Int
    /// Those that are built.
    public let objectsBuilt: Int
    /// When the ledger last changed.
    public let lastChange: String?

    package init(_ entry: RunEntry, _ totals: LedgerTotals) {
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
        lastChange = totals.lastChange
    }

    /// The status as a JSON document.
    public func json() throws -> String { try document() }

    /// The status as a few lines of text.
    public var text: String {
        """
        Run      \(run), from database \(source)
        Step     \(step)
        Pass     \(pass), \(isPassComplete ? "complete" : "\(chunksOfPass) of \(chunks) chunks")
        Base     \(chunksWithBase) of \(chunks) chunks, \(Quantity.count(rows)) rows, \(Quantity.bytes(bytes)) copied
        Objects  \(objectsBuilt) of \(objects) built
        Changed  \(lastChange ?? "never"), client number \(epoch)
        """
    }
}
