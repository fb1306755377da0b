import Ledger
import Planning
package import Postgres

/// Reads parts of tables for a ``PassProbe`` until none is left or a stop is requested.
package struct ProbeWorker {
    private let lane: Lane
    private let context: PassContext
    private let progress: TransferProgress
    private let stop: StopRequest

    package init(lane: Lane, context: PassContext, progress: TransferProgress, stop: StopRequest) {
        self.lane = lane
        self.context = context
        self.progress = progress
        self.stop = stop
    }

    /// - Parameter isOver: Ends the work between two parts.
    /// - Throws: ``PostgresError``; transient errors are retried first.
    package func work(until isOver: () -> Bool) throws {
        guard let probe = context.probe else { return }
        while !stop.isRequested, !isOver(), let part = probe.next() {
            do {
                try lane.retrying(progress, stop) { try look(at: part, probe) }
            } catch let error as PostgresError where error.code == .statementFailed {
                // The chunks' own probes wait for a lock, or say which of them cannot be read.
                probe.drop(part.table)
                try lane.recover()
            } catch is LockedTable {
                probe.drop(part.table)
                try lane.recover()
            } catch {
                probe.giveBack(part)
                throw error
            }
        }
    }

    private func look(at part: PassProbe.Part, _ probe: PassProbe) throws {
        let relation = part.table.relation
        try during("probing \(relation.name)") {
            try LockedTable.thrown(by: relation.name, in: context) {
                try lane.reading(in: context.snapshot) {
                    let mark = try lane.mark(of: relation, context.identity)
                    guard part.table.applies(at: mark) else { return probe.drop(part.table) }
                    probe.add(try part.table.look(at: part.blocks, on: lane.source), of: part, at: mark)
                }
            }
        }
    }
}
