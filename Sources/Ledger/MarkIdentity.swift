package import Catalog

/// The part of a mark that is the same for all chunks read from one database.
package struct MarkIdentity: Sendable, Hashable {
    let systemIdentifier: String?
    let timeline: Int?
    /// Stands in for the two where they may not be read: a server that was failed over to, or restored, was started at
    /// another time.
    let serverStartedAt: String?
    let databaseOid: UInt32

    package init(_ database: DatabaseIdentity) {
        systemIdentifier = database.systemIdentifier
        timeline = database.timeline
        serverStartedAt = database.systemIdentifier == nil ? database.serverStartedAt : nil
        databaseOid = database.databaseOid
    }
}
