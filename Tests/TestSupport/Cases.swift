import Glibc
package import Testing

/// Which of a test's cases run.
package enum Cases {
    /// Whether all run, as in `scripts/test-long`: with `TIDEMARK_CASES=all`.
    package static let areAll = getenv("TIDEMARK_CASES").map { String(cString: $0) } == "all"

    /// A few cases, others in each run: one run has to be quick, and after some runs all of them were tried.
    ///
    /// - Parameters:
    ///   - count: How many.
    ///   - cases: All of them.
    /// - Returns: The cases, in their order.
    package static func some<Case>(_ count: Int, of cases: some Collection<Case>) -> [Case] {
        let all = Array(cases)
        guard !areAll, all.count > count else { return all }
        return all.indices.shuffled().prefix(count).sorted().map { all[$0] }
    }
}

extension Trait where Self == ConditionTrait {
    /// A test that takes long: it runs in one of some runs, chosen at random, and in `scripts/test-long cases`.
    ///
    /// - Parameter runs: In one of how many runs.
    /// - Returns: The trait.
    package static func onceIn(_ runs: Int) -> Self {
        .enabled("once in \(runs) runs") { Cases.areAll || Int.random(in: 0..<runs) == 0 }
    }
}
