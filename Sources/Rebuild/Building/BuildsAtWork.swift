import Ledger
package import Postgres
import Synchronization

/// The keys, indexes and constraints that are built now, for the operator; shared by all connections that build.
package final class BuildsAtWork: Sendable {
    private struct Build {
        let text: String
        let table: QualifiedName
        let begun: ContinuousClock.Instant
    }

    /// A build that is over sooner is not worth a line.
    private static let worthSaying = Duration.seconds(1)

    private let builds = Mutex<[Int: Build]>([:])

    package init() {}

    func begin(_ object: ObjectEntry) {
        builds.withLock { builds in
            builds[object.objectId] = Build(text: object.description, table: object.table, begun: .now)
        }
    }

    func end(_ object: ObjectEntry) { builds.withLock { $0[object.objectId] = nil } }

    /// Says what is built for longer than a moment, and how far the server is with it, if it shows that to this role.
    ///
    /// - Parameter connection: A connection to the target.
    /// - Returns: A line for each, the oldest first.
    /// - Throws: ``PostgresError``.
    package func lines(on connection: Connection) throws -> [String] {
        let now = builds.withLock { builds in
            builds.values.filter { $0.begun.duration(to: .now) > Self.worthSaying }.sorted { $0.begun < $1.begun }
        }
        guard !now.isEmpty else { return [] }
        let found = try connection.query(
            """
            SELECT n.nspname AS schema, c.relname AS name, p.phase,
                   CASE WHEN p.blocks_total > 0 THEN 100 * p.blocks_done / p.blocks_total
                        WHEN p.tuples_total > 0 THEN 100 * p.tuples_done / p.tuples_total END AS percent
            FROM pg_catalog.pg_stat_progress_create_index p
            JOIN pg_catalog.pg_class c ON c.oid = p.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE p.datname = pg_catalog.current_database()
            """
        )
        var progress: [QualifiedName: [String]] = [:]
        for row in found {
            let table = QualifiedName(schema: try row.text("schema"), name: try row.text("name"))
            let percent = row["percent"].map { " \($0.visible) %" } ?? ""
            progress[table, default: []].append((row["phase"] ?? "").visible + percent)
        }
        return now.map { build in
            let seconds = build.begun.duration(to: .now).components.seconds
            // Which of a table's builds is meant is only certain if there is one.
            let shown = progress[build.table].flatMap { $0.count == 1 ? ", \($0[0])" : nil } ?? ""
            return "building \(build.text), \(seconds) s\(shown)"
        }
    }
}
