import Archive
import Benchmark
import Foundation
import Planning
import Postgres

/// The parts of the client's work, each measured separately, per 64 MB of rows or per 20,000 chunks.
///
/// COPY is relayed between two real servers, named as for the tests (`scripts/with-postgres`), and skipped without them.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration.metrics = [.wallClock, .cpuTotal, .instructions, .peakMemoryResident]
    Benchmark.defaultConfiguration.maxDuration = .seconds(5)

    Benchmark("XXH64 of 64 MB of lines") { benchmark in
        for _ in benchmark.scaledIterations {
            var sum = LineSum()
            Rows.shared.forEach { sum.add($0) }
            blackHole(sum)
        }
    }

    for (name, threads) in [("zstd frames of 64 MB", 0), ("zstd frames of 64 MB, 2 threads", 2)] {
        Benchmark(name) { benchmark in
            for _ in benchmark.scaledIterations {
                try Scratch.with { folder in blackHole(try Rows.shared.write(to: folder, threads: threads)) }
            }
        }
    }

    Benchmark("reading and counting 64 MB of rows") { benchmark in
        try Scratch.with { folder in
            let file = try Rows.shared.write(to: folder, threads: 0)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                var rows = 0
                try FrameReader(file, in: folder).readRows { _ in rows += 1 }
                blackHole(rows)
            }
            benchmark.stopMeasurement()
        }
    }

    Benchmark("cutting a table into 20,000 chunks") { benchmark in
        let key = Key(
            parts: [Key.Part(name: "id", type: "bigint", comparison: .native)],
            indexName: "pkey"
        )
        let cuts = (1..<20_000).map { ["\($0 * 1000)"] }
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            for range in KeyRange.everything.cut(at: cuts) { blackHole(range.condition(on: key)) }
        }
    }

    let environment = ProcessInfo.processInfo.environment
    guard let source = environment["TIDEMARK_TEST_SOURCE"], let target = environment["TIDEMARK_TEST_TARGET"] else {
        return
    }
    for format in [CopyFormat.text, .binary] {
        Benchmark("COPY of 500,000 rows between servers, \(format.rawValue)") { benchmark in
            let relay = try Relay(from: source, to: target, format)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { try relay.run() }
            benchmark.stopMeasurement()
        }
    }
}
