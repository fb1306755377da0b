package import Postgres

/// The identity of a database; a mark is valid only for the database it was made for.
///
/// A host name is no evidence: it moves with a failover, and two names may mean the same server.
package struct DatabaseIdentity: Sendable, Hashable, Codable {
    /// `pg_control_system()`: the same for a primary and its standbys, new after initdb and pg_upgrade.
    package var systemIdentifier: String?
    /// The timeline of the WAL being written, on a standby of `pg_control_checkpoint()`.
    ///
    /// A new timeline begins with every promotion and point-in-time recovery.
    package var timeline: Int?
    /// `pg_database.oid`.
    package let databaseOid: UInt32
    /// `pg_database.datname`.
    package let databaseName: ServerText
    package let serverVersionNumber: Int
    package let isInRecovery: Bool
    package let encoding: String
    package let serverStartedAt: String
    package let address: String?
    package let port: Int?
    package let roleName: ServerText
    package let bypassesRowSecurity: Bool
    package let mayReadControlData: Bool
    /// How the default collation sorts: `C`, or locale and C library version; nil if that is unknown.
    package let defaultSortOrder: ServerText?
    /// The provider and the locale of the default collation; nil if it is from an older ledger.
    package let collation: ServerText?
    package let preparedTransactions: Int
    /// When the counters of written rows were last reset, if known.
    package let statisticsSince: String?

    package var serverVersion: ServerVersion { ServerVersion(number: serverVersionNumber) }

    /// The evidence for the identity, for people.
    package var evidence: String {
        systemIdentifier == nil
            ? "server address, port, start time and database oid (pg_control_system() is not granted to \(roleName.visible))"
            : "system identifier, timeline and database oid"
    }

    /// Whether it is the same database on the same server, not just one with the same name.
    package func isSameDatabase(as other: Self) -> Bool {
        guard databaseOid == other.databaseOid else { return false }
        if let systemIdentifier, let theirs = other.systemIdentifier { return systemIdentifier == theirs }
        return address == other.address && port == other.port && serverStartedAt == other.serverStartedAt
    }

    /// The hint for operators whose source really is on another cluster now.
    package static let otherSystemHint =
        "if the source was upgraded or moved with all its rows, give --source-moved: every chunk is then compared"

    /// Describes how a database given as the source differs from this one.
    ///
    /// Two servers set up by the same script have the same names and object ids; only their system identifiers differ.
    /// If the role may not read these, address and port of the servers are compared.
    ///
    /// - Parameters:
    ///   - now: The database that is given.
    ///   - acceptsOtherSystem: Whether it may be on another cluster.
    /// - Returns: The two databases, for people; nil if they are the same.
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
                + "the role may not read their system identifiers, which would show whether they are the same"
        }
        return nil
    }

    private var place: String { "\(address ?? "a local socket"), port \(port.map(String.init) ?? "unknown")" }
}
