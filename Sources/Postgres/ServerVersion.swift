/// A server's version as `server_version_num` has it: 150018 is 15.18.
public struct ServerVersion: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The number, major × 10000 + minor.
    public let number: Int

    /// Makes a version of `server_version_num`.
    public init(number: Int) {
        self.number = number
    }

    /// The major version: 15 of 15.18.
    public var major: Int { number / 10_000 }

    /// As people write it.
    public var description: String { "\(major).\(number % 10_000)" }

    /// Whether CREATE INDEX CONCURRENTLY may leave out rows without a word (PostgreSQL 14.0 to 14.3; release notes of
    /// 14.4).
    package var corruptsConcurrentBuilds: Bool { (140_000..<140_004).contains(number) }

    /// Older before newer.
    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}
