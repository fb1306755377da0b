import Catalog
import FoundationEssentials
import Glibc
import Postgres
import Report
import Verification

/// Whether the target's disk has room for the source's tables and indexes, where that can be known.
enum TargetRoom {
    /// A source of this size is worth a word where the room cannot be known, in bytes.
    private static let worthSaying = 1 << 30

    /// Returns what is found.
    ///
    /// - Parameters:
    ///   - source: What is copied.
    ///   - target: What is there already; a part of it may have been copied.
    ///   - connection: A connection to the target.
    /// - Returns: At most one finding.
    /// - Throws: ``PostgresError``.
    static func findings(
        for source: DatabaseCatalog,
        beside target: DatabaseCatalog,
        on connection: Connection
    ) throws -> [Finding] {
        func bytes(_ catalog: DatabaseCatalog) -> Int {
            catalog.tables.reduce(0) { $0 + $1.tableBytes } + catalog.indexes.reduce(0) { $0 + $1.bytes }
        }
        let needed = max(0, bytes(source) - bytes(target))
        let name = target.identity.databaseName
        return try finding(needed: needed, free: freeBytes(on: connection), for: name).map { [$0] } ?? []
    }

    /// Compares what is needed with what is there.
    ///
    /// - Parameters:
    ///   - needed: The bytes of tables and indexes that are not there yet.
    ///   - free: The free bytes; nil if that cannot be known.
    ///   - database: The target's name.
    /// - Returns: The finding; nil if there is nothing to say.
    static func finding(needed: Int, free: Int?, for database: ServerText) -> Finding? {
        let coming = "the source's tables and indexes have \(Quantity.bytes(needed)) that are not on the target yet"
        guard let free else {
            guard needed >= worthSaying else { return nil }
            return Finding(
                "server",
                object: database,
                problem: "room",
                severity: .note,
                "\(coming): see to it that its disk has room for them, for sorts and for WAL; that cannot be seen from here"
            )
        }
        guard needed > free else { return nil }
        return Finding(
            "server",
            object: database,
            problem: "too-little-room",
            severity: .hurts,
            "\(coming), and its disk has \(Quantity.bytes(free)) free: enlarge it, with some more for sorts and WAL"
        )
    }

    /// Returns the free bytes of the disk with the target's data; nil if the server is elsewhere or does not tell where they are.
    static func freeBytes(on connection: Connection) throws -> Int? {
        let row = try connection.queryOne(
            """
            SELECT pg_catalog.pg_backend_pid() AS pid,
                   CASE WHEN pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE')
                        THEN pg_catalog.current_setting('data_directory') END AS folder
            """
        )
        guard let folder = row["folder"]?.string, try isHere(process: row.integer("pid"), connection) else {
            return nil
        }
        var disk = statvfs()
        guard statvfs(folder, &disk) == 0 else { return nil }
        return Int(disk.f_bavail) * Int(disk.f_frsize)
    }

    /// Whether a server process runs on this machine, beyond any tunnel: its title names the database and our port.
    private static func isHere(process: Int, _ connection: Connection) throws -> Bool {
        guard let title = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
        let row = try connection.queryOne(
            """
            SELECT pg_catalog.current_database() AS name,
                   coalesce('(' || pg_catalog.inet_client_port() || ')', '[local]') AS place
            """
        )
        let text = ServerText(bytes: title)
        return try text.contains("postgres") && text.contains(row.text("name")) && text.contains(row.text("place"))
    }
}
