import Glibc
import Postgres

/// How much memory and how many parallel workers all index builds may use together.
package struct BuildBudget: Sendable {
    /// The least `maintenance_work_mem` that every server accepts, in bytes (1 MB).
    private static let leastMemory = 1 << 20

    private let memoryBytes: Int
    private let jobs: Int

    /// - Parameters:
    ///   - memoryBytes: Memory for all builds together.
    ///   - jobs: The number of concurrent builds.
    package init(memoryBytes: Int, jobs: Int) {
        self.memoryBytes = memoryBytes
        self.jobs = max(1, jobs)
    }

    /// Returns what one of the concurrent builds may use.
    ///
    /// Each gets the workers that the server's `max_parallel_maintenance_workers` allows, limited by its memory, by its
    /// share of `max_parallel_workers`, and, if known, by its share of the server's cores: workers that share a core
    /// with another build make both slower.
    func share(on connection: Connection) throws -> BuildShare {
        let memory = max(Self.leastMemory, memoryBytes / jobs)
        let server = try connection.queryOne(
            """
            SELECT pg_catalog.current_setting('max_parallel_maintenance_workers')::integer AS of_one,
                   pg_catalog.current_setting('max_parallel_workers')::integer AS in_all,
                   pg_catalog.inet_client_addr() IS NOT DISTINCT FROM pg_catalog.inet_server_addr() AS is_here
            """
        )
        // The number of cores of a remote server is unknown.
        let cores = try server.boolean("is_here") ? sysconf(Int32(_SC_NPROCESSORS_ONLN)) : Int.max
        // One share of the memory, and one core, is for the builder itself.
        let workers = min(
            try server.integer("of_one"),
            try server.integer("in_all") / jobs,
            memory / BuildShare.leastMemoryOfProcess - 1,
            cores / jobs - 1
        )
        return BuildShare(memoryBytes: memory, workers: max(0, workers))
    }
}
