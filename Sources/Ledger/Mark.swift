package import Postgres

/// Where the tide stood: the snapshot in which a chunk was last read, and of which table of which database.
package struct Mark: Sendable, Hashable, Codable {
    package let snapshot: Snapshot
    package let systemIdentifier: String?
    package let timeline: Int?
    /// When the server was started; only where system identifier and timeline cannot be read.
    package let serverStartedAt: String?
    package let databaseOid: UInt32
    package let tableOid: UInt32
    package let fileNode: UInt32

    package init(
        snapshot: Snapshot,
        systemIdentifier: String?,
        timeline: Int?,
        serverStartedAt: String? = nil,
        databaseOid: UInt32,
        tableOid: UInt32,
        fileNode: UInt32
    ) {
        self.snapshot = snapshot
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.serverStartedAt = serverStartedAt
        self.databaseOid = databaseOid
        self.tableOid = tableOid
        self.fileNode = fileNode
    }

    /// Why nothing can be concluded from this mark about a later one; nil where the delta rule holds.
    ///
    /// `age()` compares 32-bit transaction ids and knows only which of two is older within 2^31 of each other.
    ///
    /// - Parameter now: The mark that reading the same chunk now would get.
    /// - Returns: The reason, for the log.
    package func voidReason(at now: Mark) -> String? {
        if systemIdentifier != now.systemIdentifier || databaseOid != now.databaseOid { return "another database" }
        if serverStartedAt != now.serverStartedAt {
            return
                "the source was restarted or is another server, and its system identifier and timeline cannot be read"
        }
        if timeline != now.timeline { return "the source was failed over or restored: another timeline" }
        if tableOid != now.tableOid { return "another table has taken its name" }
        if now.snapshot.xmax < snapshot.xmax { return "transaction ids went backwards" }
        if now.snapshot.xmax - snapshot.xmin >= Self.comparableTransactions {
            return "too many transactions have passed"
        }
        return nil
    }

    private static let comparableTransactions: UInt64 = (1 << 31) - 1_000_000
}
