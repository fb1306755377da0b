import Glibc
import Postgres

/// What one build may take.
///
/// `maintenance_work_mem` is for one build with all its workers (PostgreSQL manual, CREATE INDEX).
package struct BuildShare: Sendable {
    /// What each process must have, or the server starts fewer workers (`plan_create_index_workers`).
    package static let leastMemoryOfProcess = 32 << 20
    /// What a sort's merge wants for each run: a buffer to read ahead, and the tape's own (`tuplesort.c`).
    private static let memoryOfRun = 264 << 10

    let memoryBytes: Int
    let workers: Int

    /// - Parameters:
    ///   - memoryBytes: What it may take with all its workers.
    ///   - workers: Beside the builder itself.
    package init(memoryBytes: Int, workers: Int) {
        self.memoryBytes = memoryBytes
        self.workers = workers
    }

    /// Sets what the statement that follows may take.
    ///
    /// A sort is the faster the better its memory fits the processor's caches, as long as all its runs are merged at
    /// once: with memory `m` a sort of `s` bytes has `s / m` runs, of which `m / memoryOfRun` can be. Other kinds of
    /// indexes (GIN) gather in memory whatever they are given, and are the faster the more it is.
    ///
    /// - Parameters:
    ///   - connection: The session that is going to build.
    ///   - statement: The build.
    ///   - bytes: How large it is going to be.
    /// - Throws: ``PostgresError``.
    func apply(to connection: Connection, for statement: SQL, bytes: Int) throws {
        let memory = statement.text.contains(" USING btree ") ? memory(forSorting: bytes) : memoryBytes
        try apply(to: connection, memory: memory)
    }

    /// Sets what all statements that follow may take.
    func apply(to connection: Connection) throws {
        try apply(to: connection, memory: memoryBytes)
    }

    private func apply(to connection: Connection, memory: Int) throws {
        try connection.execute(
            """
            SELECT pg_catalog.set_config('maintenance_work_mem', '\(memory / 1024)kB', false),
                   pg_catalog.set_config('max_parallel_maintenance_workers', '\(workers)', false)
            """
        )
    }

    /// - Parameter bytes: How large the index is going to be.
    /// - Returns: Bytes for all processes together.
    package func memory(forSorting bytes: Int) -> Int {
        let processes = workers + 1
        let inOneMerge = Int(sqrt(Double(bytes / processes) * Double(Self.memoryOfRun)))
        return min(memoryBytes, processes * max(Self.leastMemoryOfProcess, inOneMerge))
    }
}
