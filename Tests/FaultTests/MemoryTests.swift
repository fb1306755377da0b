import FoundationEssentials
import Glibc
import TestSupport
import Testing
import Tidemark

@Suite struct `The memory of a run` {
    /// How many chunks the longer run has; scripts/test-long asks for ten thousand.
    private static let chunks = ProcessInfo.processInfo.environment["TIDEMARK_MEMORY_CHUNKS"].flatMap(Int.init) ?? 1500

    /// The most memory that a run of the command has used at a time, in kilobytes (getrusage(2): ru_maxrss).
    private func peak(chunks: Int) async throws -> Int {
        var peak = 0
        // A chunk is at least as large as a page of the table.
        let rows = chunks * 16
        try await DatabasePair.with(
            """
            CREATE TABLE t (id int PRIMARY KEY, v text);
            INSERT INTO t SELECT n, repeat('x', 460) FROM generate_series(1, \(rows)) n; ANALYZE
            """
        ) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let outcome = try await command.shell(
                "/usr/bin/env python3 -c 'import os,resource,subprocess,sys; c=subprocess.run([os.environ[\"TIDEMARK\"]]+sys.argv[1:]).returncode; print(\"peak\", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(c)' precopy --chunk-size 8kB --whole-below 0kB --quiet --jobs 4"
            )
            #expect(outcome.code == 0, "\(outcome.errors)")
            let made = try await pair.target.value("SELECT count(*) FROM tidemark.chunk")
            #expect(Int(made) ?? 0 > chunks / 2, "only \(made) chunks")
            peak =
                outcome.output.split(separator: "\n").last { $0.hasPrefix("peak ") }.flatMap { Int($0.dropFirst(5)) }
                ?? 0
        }
        return peak
    }

    /// What is remembered of a chunk is in the ledger: with ten times as many of them, the process needs hardly more.
    @Test func `does not grow with the number of chunks`() async throws {
        let few = try await peak(chunks: Self.chunks / 10)
        let many = try await peak(chunks: Self.chunks)
        print("Memory: \(few) kB for \(Self.chunks / 10) chunks, \(many) kB for \(Self.chunks)")
        #expect(few > 0)
        // Lists of chunks are read at once: some kilobytes each while a list is read. Copying and proving a chunk adds nothing.
        #expect(
            many - few < 8_000 + Self.chunks * 8,
            "\(few) kB for \(Self.chunks / 10) chunks, \(many) kB for \(Self.chunks)"
        )
    }
}
