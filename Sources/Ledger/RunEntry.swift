package import Catalog
package import Planning
package import Postgres

/// The run as recorded in the ledger.
package struct RunEntry: Sendable, Codable {
    /// The clients that one run can have.
    ///
    /// The epoch of a run's first client is a random multiple of this plus one, so that no epoch is used by two runs on one target.
    static let clients = 1 << 20
    /// The number of such multiples; all epochs are exact in JSON.
    static let beginnings = 1 << 32

    /// The number of a client within its run, from 1 on, as people see it.
    package static func client(ofEpoch epoch: Int) -> Int { epoch % clients }

    package let runId: String
    package let epoch: Int
    package let toolVersion: String
    package let step: RunStep
    package let pass: Int
    package let isPassOpen: Bool
    package let source: DatabaseIdentity
    package let omissions: Set<Omission>
    /// The source's snapshot that the last cutover read.
    package let cutoverSnapshot: Snapshot?
    /// The target as the last cutover left its rows; nil before the first one has built the keys.
    package let leftAt: Mark?
    /// Whether the foreign keys stay while rows are copied again.
    package let keepsForeignKeys: Bool
    /// Whether the last cutover was a rehearsal: the target was not to be opened after it.
    package let isRehearsed: Bool
    /// The last rehearsal that ended as proven.
    package let rehearsal: TimedRun?
    /// What the last way back has copied to the source, or tried to; nil if there was none.
    package let returned: ReturnEntry?
    /// The archive the rows come from; nil: from the source itself.
    package let archive: String?

    /// Whether only some rows are moved, into a target that is in use.
    package var isStage: Bool { omissions.contains(.allButFilteredRows) }

    /// The beginning of the run's `application_name`s, by which sessions of a killed client are found.
    package var sessionPrefix: String { "tidemark \(runId.prefix(8))" }

    /// Refuses a source on a different cluster than the one the target was filled from.
    ///
    /// - Parameter source: The database given as the source.
    /// - Throws: ``LedgerError``; never if one of the system identifiers is unknown.
    package func refuseOtherSystem(_ source: DatabaseIdentity) throws {
        guard let ours = self.source.systemIdentifier, let theirs = source.systemIdentifier, ours != theirs else {
            return
        }
        throw LedgerError(
            .otherSource,
            "the target was filled from the server with system identifier \(ours), but the source's is \(theirs)",
            hint: "check --source; " + DatabaseIdentity.otherSystemHint
        )
    }
}
