/// A server's version as `server_version_num` has it: 150018 is 15.18.
package struct ServerVersion: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The number, major × 10000 + minor.
    package let number: Int

    /// Creates a version from `server_version_num`.
    package init(number: Int) {
        self.number = number
    }

    /// The major version: 15 of 15.18.
    package var major: Int { number / 10_000 }

    /// The version as people write it.
    package var description: String { "\(major).\(number % 10_000)" }

    /// Whether CREATE INDEX CONCURRENTLY may silently miss rows (PostgreSQL 14.0 to 14.3; release notes of 14.4).
    package var corruptsConcurrentBuilds: Bool { (140_000..<140_004).contains(number) }

    /// Older before newer.
    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
