import FoundationEssentials
import Postgres
import TestSupport
import Testing

@Suite struct `A command that is killed` {
    /// How many kills; scripts/crash-test asks for more.
    private static let wanted = number("TIDEMARK_CRASH_RUNS") ?? 40
    private static let firstSeed = number("TIDEMARK_CRASH_SEED") ?? 1

    private static func number(_ variable: String) -> Int? {
        ProcessInfo.processInfo.environment[variable].flatMap(Int.init)
    }

    @Test func `goes on where it was, and ends with equal sides`() async throws {
        let references = try await Self.play(nil, seed: 0).references
        let reached = Set(references.values.flatMap(\.points.keys))
        #expect(Set(StatusPoint.allCases).subtracting(reached) == [], "nothing is killed at these places")
        let places = references.values.reduce(0) { $0 + $1.points.count }
        var (kills, seed) = (0, Self.firstSeed)
        while kills < Self.wanted {
            let played = try await Self.play(references, seed: seed)
            #expect(played.kills > 5, "too few commands were killed with seed \(seed)")
            kills += max(1, played.kills)
            seed += 1
        }
        print(
            "Crash test: \(kills) kills at \(places) places and at random moments, seeds \(Self.firstSeed) to \(seed - 1)"
        )
    }

    private static func play(_ references: [Lifecycle.Act: Lifecycle.Reference]?, seed: Int) async throws -> Lifecycle {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tidemark-crash-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var played: Lifecycle?
        try await DatabasePair.with(Lifecycle.schema) { pair in
            var lifecycle = Lifecycle(pair, folder: folder, seed: seed)
            try await lifecycle.play(references)
            played = lifecycle
        }
        return try #require(played)
    }
}
