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

    /// What an operator does whose source really is another cluster now.
    package static let otherSystemHint =
        "if the source was upgraded or moved with all its rows, give --source-moved: every chunk is compared then"

    /// In what a database that is given as the same source is another one.
    ///
    /// Two servers set up by one script agree in names and object ids: only their system identifiers tell them apart.
    /// Where a role may not read those, address and port of the server do.
    ///
    /// - Parameters:
    ///   - now: The database that is given.
    ///   - acceptsOtherSystem: Whether it may be another cluster.
    /// - Returns: For people: what it was, and what it is; nil where it is the same.
    package func difference(from now: Self, acceptsOtherSystem: Bool) -> String? {
        guard databaseName == now.databaseName, databaseOid == now.databaseOid || acceptsOtherSystem else {
            return "database \(databaseName.visible) (oid \(databaseOid)), "
                + "not from \(now.databaseName.visible) (oid \(now.databaseOid))"
        }
        guard !acceptsOtherSystem else { return nil }
        if let systemIdentifier, let theirs = now.systemIdentifier {
            return systemIdentifier == theirs
                ? nil
                : "the server with the system identifier \(systemIdentifier), not from the one with \(theirs), "
                    + "whose database \(now.databaseName.visible) has the same name and object id"
        }
        guard address == now.address, port == now.port else {
            return "a server at \(place), not from one at \(now.place); "
                + "their system identifiers, which would tell whether they are the same, may not be read"
        }
        return nil
    }

    private var place: String { "\(address ?? "a local socket"), port \(port.map(String.init) ?? "unknown")" }
}
