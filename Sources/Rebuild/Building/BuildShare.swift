import Glibc
import Postgres

/// What one build may use.
///
/// `maintenance_work_mem` covers one build with all its workers (PostgreSQL manual, CREATE INDEX).
package struct BuildShare: Sendable {
    /// Bytes that each process needs; with less the server starts fewer workers (`plan_create_index_workers`).
    package static let leastMemoryOfProcess = 32 << 20
    /// Bytes that a sort's merge needs for each run: a read-ahead buffer and the tape's own buffer (`tuplesort.c`).
    private static let memoryOfRun = 264 << 10

    let memoryBytes: Int
    let workers: Int

    /// - Parameters:
    ///   - memoryBytes: Memory for the build with all its workers.
    ///   - workers: Parallel workers besides the builder itself.
    package init(memoryBytes: Int, workers: Int) {
        self.memoryBytes = memoryBytes
        self.workers = workers
    }

    /// The statement that sets what the next one may use.
    ///
    /// A sort is faster if its memory fits the processor's caches, as long as all its runs are merged at once:
    /// with memory `m` a sort of `s` bytes has `s / m` runs, and `m / memoryOfRun` can be merged at once. Other kinds
    /// of indexes (GIN) use all the memory they get, and more makes them faster.
    ///
    /// - Parameters:
    ///   - statement: The build.
    ///   - bytes: The expected size of the index.
    /// - Returns: The statement.
    func settings(for statement: SQL, bytes: Int) -> SQL {
        settings(memory: statement.text.contains(" USING btree ") ? memory(forSorting: bytes) : memoryBytes)
    }

    /// The statement that sets what all following ones may use.
    var settings: SQL { settings(memory: memoryBytes) }

    private func settings(memory: Int) -> SQL {
        """
        SELECT pg_catalog.set_config('maintenance_work_mem', '\(memory / 1024)kB', false),
               pg_catalog.set_config('max_parallel_maintenance_workers', '\(workers)', false)
        """
    }

    /// - Parameter bytes: The expected size of the index.
    /// - Returns: Bytes for all processes together.
    package func memory(forSorting bytes: Int) -> Int {
        let processes = workers + 1
        let inOneMerge = Int(sqrt(Double(bytes / processes) * Double(Self.memoryOfRun)))
        return min(memoryBytes, processes * max(Self.leastMemoryOfProcess, inOneMerge))
    }
}
