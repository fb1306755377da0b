package import Catalog

/// The part of a mark that is the same for all chunks of one database.
package struct MarkIdentity: Sendable, Hashable {
    let systemIdentifier: String?
    let timeline: Int?
    /// Replaces the other two if the role may not read them: after a failover or restore the start time differs.
    let serverStartedAt: String?
    let databaseOid: UInt32

    /// All of it, to be compared as text.
    package var description: String {
        "\(systemIdentifier ?? "-") \(timeline.map(String.init) ?? "-") \(serverStartedAt ?? "-") \(databaseOid)"
    }

    package init(_ database: DatabaseIdentity) {
        systemIdentifier = database.systemIdentifier
        timeline = database.timeline
        serverStartedAt = database.systemIdentifier == nil ? database.serverStartedAt : nil
        databaseOid = database.databaseOid
    }
}
