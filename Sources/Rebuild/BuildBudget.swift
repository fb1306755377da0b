import Postgres

/// How much memory, and how many parallel workers, index builds may take together.
///
/// `maintenance_work_mem` is for one build with all its workers (PostgreSQL manual, CREATE INDEX); each of them wants 32 MB
/// of it, or the server starts fewer.
package struct BuildBudget: Sendable {
    /// What a server takes at least (1 MB).
    private static let leastMemory = 1 << 20
    private static let memoryOfWorker = 32 << 20

    private let memoryBytes: Int
    private let jobs: Int

    /// - Parameters:
    ///   - memoryBytes: For all builds together.
    ///   - jobs: Builds at the same time.
    package init(memoryBytes: Int, jobs: Int) {
        self.memoryBytes = memoryBytes
        self.jobs = max(1, jobs)
    }

    private var share: Int { max(Self.leastMemory, memoryBytes / jobs) }

    /// Sets a session's share.
    ///
    /// The workers the server allows in all are divided as well; one of the share's parts is the builder's own.
    func apply(to connection: Connection) throws {
        try connection.execute(
            """
            SELECT pg_catalog.set_config('maintenance_work_mem', '\(share / 1024)kB', false),
                   pg_catalog.set_config('max_parallel_maintenance_workers', least(
                       pg_catalog.current_setting('max_parallel_workers')::integer / \(jobs),
                       greatest(\(share / Self.memoryOfWorker) - 1, 0), 32)::text, false)
            """
        )
    }
}
