import Rebuild
import Testing

@Suite struct `A build's share of memory` {
    private let megabyte = 1 << 20

    @Test(arguments: [0, 1, 4]) func `is small for a small index, however much there is`(workers: Int) {
        let share = BuildShare(memoryBytes: 4096 * megabyte, workers: workers)
        #expect(share.memory(forSorting: 100 * megabyte) == (workers + 1) * BuildShare.leastMemoryOfProcess)
    }

    @Test func `lets all runs of a large one be merged at once`() {
        let share = BuildShare(memoryBytes: 4096 * megabyte, workers: 0)
        let (bytes, run) = (200 << 30, 264 << 10)
        let memory = share.memory(forSorting: bytes)
        #expect(bytes / memory <= memory / run)
        // Half of it would not be enough.
        #expect(bytes / (memory / 2) > memory / 2 / run)
    }

    @Test func `is never more than there is`() {
        #expect(BuildShare(memoryBytes: 16 * megabyte, workers: 0).memory(forSorting: 1 << 40) == 16 * megabyte)
        #expect(BuildShare(memoryBytes: 64 * megabyte, workers: 1).memory(forSorting: 1 << 40) == 64 * megabyte)
    }
}
