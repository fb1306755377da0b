package import Postgres

/// The snapshot in which a chunk was last read, with the table and the database it was read from.
package struct Mark: Sendable, Hashable, Codable {
    package let snapshot: Snapshot
    package let systemIdentifier: String?
    package let timeline: Int?
    /// When the server was started; set only if system identifier and timeline cannot be read.
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

    /// A mark of a whole database, not of one table.
    package init(_ snapshot: Snapshot, of identity: MarkIdentity) {
        self.init(
            snapshot: snapshot,
            systemIdentifier: identity.systemIdentifier,
            timeline: identity.timeline,
            serverStartedAt: identity.serverStartedAt,
            databaseOid: identity.databaseOid,
            tableOid: 0,
            fileNode: 0
        )
    }

    /// Why this mark does not show what was written since; nil if the delta rule applies.
    ///
    /// `age()` compares 32-bit transaction ids and orders only ids within 2^31 of each other.
    ///
    /// - Parameter now: The mark the same chunk would get now.
    /// - Returns: The reason, for the log.
    package func voidReason(at now: Mark) -> String? {
        if systemIdentifier != now.systemIdentifier || databaseOid != now.databaseOid {
            return "it was last read from another database"
        }
        if serverStartedAt != now.serverStartedAt {
            return
                "the source was restarted or is another server, and its system identifier and timeline cannot be read"
        }
        if timeline != now.timeline { return "the source failed over or was restored (the timeline changed)" }
        if tableOid != now.tableOid { return "another table has its name now" }
        if now.snapshot.xmax < snapshot.xmax { return "transaction ids went backwards" }
        if now.snapshot.xmax - snapshot.xmin >= Self.comparableTransactions {
            return "too many transactions since its mark"
        }
        return nil
    }

    private static let comparableTransactions: UInt64 = (1 << 31) - 1_000_000
}
