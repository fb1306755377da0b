public import Postgres

/// Which database this is: what a mark is worth depends on it.
///
/// A host name says nothing: it moves with a failover, and two names may mean one server.
public struct DatabaseIdentity: Sendable, Hashable, Codable {
    /// `pg_control_system()`: the same for a primary and its standbys, new after initdb and pg_upgrade.
    public var systemIdentifier: String?
    /// Of the WAL that is being written, on a standby `pg_control_checkpoint()`: a new one begins with every promotion
    /// and point-in-time recovery.
    public var timeline: Int?
    /// `pg_database.oid`.
    public let databaseOid: UInt32
    /// `pg_database.datname`.
    public let databaseName: ServerText
    package let serverVersionNumber: Int
    package let isInRecovery: Bool
    package let encoding: String
    package let serverStartedAt: String
    package let address: String?
    package let port: Int?
    package let roleName: ServerText
    package let bypassesRowSecurity: Bool
    package let mayReadControlData: Bool
    /// How the default collation sorts: `C`, or locale and C library version; nil where it cannot be told.
    package let defaultSortOrder: ServerText?
    package let preparedTransactions: Int
    /// Since when the counters of written rows count, as far as can be told.
    package let statisticsSince: String?

    package var serverVersion: ServerVersion { ServerVersion(number: serverVersionNumber) }

    /// What the identity rests on, for people.
    package var evidence: String {
        systemIdentifier == nil
            ? "server address, port, start time and database oid (pg_control_system() is not granted to \(roleName.visible))"
            : "system identifier, timeline and database oid"
    }

    /// Whether it is the same database on the same server, and not merely one of the same name.
    package func isSameDatabase(as other: Self) -> Bool {
        guard databaseOid == other.databaseOid else { return false }
        if let systemIdentifier, let theirs = other.systemIdentifier { return systemIdentifier == theirs }
        return address == other.address && port == other.port && serverStartedAt == other.serverStartedAt
    }
}
