import Glibc
import Postgres

/// How much memory, and how many parallel workers, index builds may take together.
package struct BuildBudget: Sendable {
    /// What a server takes at least (1 MB).
    private static let leastMemory = 1 << 20

    private let memoryBytes: Int
    private let jobs: Int

    /// - Parameters:
    ///   - memoryBytes: For all builds together.
    ///   - jobs: Builds at the same time.
    package init(memoryBytes: Int, jobs: Int) {
        self.memoryBytes = memoryBytes
        self.jobs = max(1, jobs)
    }

    /// What one of the builds at the same time may take.
    ///
    /// Each gets the workers the server's `max_parallel_maintenance_workers` allows, as long as they are not more than
    /// its memory feeds, than its part of all the server allows, and, where that is known, of all its cores: workers
    /// that share a core with another build make both slower.
    func share(on connection: Connection) throws -> BuildShare {
        let memory = max(Self.leastMemory, memoryBytes / jobs)
        let server = try connection.queryOne(
            """
            SELECT pg_catalog.current_setting('max_parallel_maintenance_workers')::integer AS of_one,
                   pg_catalog.current_setting('max_parallel_workers')::integer AS in_all,
                   pg_catalog.inet_client_addr() IS NOT DISTINCT FROM pg_catalog.inet_server_addr() AS is_here
            """
        )
        // Of a server elsewhere nobody tells the cores.
        let cores = try server.boolean("is_here") ? sysconf(Int32(_SC_NPROCESSORS_ONLN)) : Int.max
        // One of the memory's parts, and one of the cores, is the builder's own.
        let workers = min(
            try server.integer("of_one"),
            try server.integer("in_all") / jobs,
            memory / BuildShare.leastMemoryOfProcess - 1,
            cores / jobs - 1
        )
        return BuildShare(memoryBytes: memory, workers: max(0, workers))
    }
}
