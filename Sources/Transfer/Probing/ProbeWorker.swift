import Glibc
import Ledger
import Planning
package import Postgres

/// Reads parts of tables for a ``PassProbe`` until none is left or a stop is requested.
package struct ProbeWorker {
    private static let microsecondsOfWait: UInt32 = 2000

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
        while !stop.isRequested, !isOver(), let step = probe.next() {
            switch step {
            case .wait: usleep(Self.microsecondsOfWait)
            case .read(let part):
                try take(step, on: part.table, probe) { mark in
                    guard part.table.applies(at: mark) else { return probe.drop(part.table) }
                    probe.add(try part.table.look(at: part.blocks, on: lane.source), of: part, at: mark)
                }
            case .lookUpKeys(let table, let whole):
                try take(step, on: table, probe) { _ in
                    probe.add(try table.rewritten(whole, on: lane), to: whole, of: table)
                }
            }
        }
    }

    /// Takes a step in the snapshot that is probed, or leaves the table to the probes of its chunks.
    private func take(
        _ step: PassProbe.Step,
        on table: TableProbe,
        _ probe: PassProbe,
        _ body: (Mark) throws -> Void
    ) throws {
        defer { probe.finished() }
        do {
            try lane.retrying(progress, stop) {
                try during("probing \(table.relation.name)") {
                    try LockedTable.thrown(by: table.relation.name, in: context) {
                        try lane.reading(in: context.snapshot) {
                            try body(lane.mark(of: table.relation, in: context))
                        }
                    }
                }
            }
        } catch let error as PostgresError where error.code == .statementFailed {
            // The chunks' own probes wait for a lock, or say which of them cannot be read.
            probe.drop(table)
            try lane.recover()
        } catch is LockedTable {
            probe.drop(table)
            try lane.recover()
        } catch {
            probe.giveBack(step)
            throw error
        }
    }
}
