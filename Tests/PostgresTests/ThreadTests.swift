import Postgres
import Testing

@Suite struct `A value confined to a thread` {
    /// The caller that enqueues the last job must not touch the executor afterwards: it may be deallocated, and its
    /// memory reused.
    @Test func `may be deallocated as soon as its last job has run`() async throws {
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for lane in 0..<8 {
                group.addTask {
                    var sum = 0
                    for number in 0..<500 {
                        sum += try await ThreadConfined.with({ _ in lane * 500 + number }) { try await $0.run { $0 } }
                    }
                    return sum
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 4000 * 3999 / 2)
    }
}
