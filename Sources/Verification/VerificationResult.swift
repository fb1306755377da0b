/// What a verification examined and found.
public struct VerificationResult: Sendable, Codable {
    /// One class of objects and how many of them were looked at.
    public struct Examined: Sendable, Codable, Hashable {
        /// The class.
        public let kind: String
        /// How many on the source.
        public let source: Int
        /// How many on the target.
        public let target: Int

        package var isEmpty: Bool { source == 0 && target == 0 }
    }

    /// One table whose rows were compared.
    public struct ComparedTable: Sendable, Codable, Hashable {
        /// The table's full name.
        public let name: String
        /// Ranges of its key that were compared.
        public let ranges: Int
        /// Ranges that differ.
        public let differingRanges: Int
        /// Ranges that were proven before, and of which only rows that came since had to be compared.
        public let standingRanges: Int
        /// Bytes on the source, without indexes.
        public let sourceBytes: Int
        /// Bytes on the target, without indexes.
        public let targetBytes: Int
        /// Rows on the source.
        public let sourceRows: Int
        /// Rows on the target.
        public let targetRows: Int
    }

    /// An index the source uses much.
    public struct UsedIndex: Sendable, Codable, Hashable {
        /// Its full name.
        public let name: String
        /// Its table.
        public let table: String
        /// How often it was used since the source's statistics began.
        public let scans: Int
        /// Whether the target has a usable index of that name.
        public let isOnTarget: Bool
    }

    /// The classes examined.
    public var examined: [Examined] = []
    /// The tables whose rows were compared.
    public var tables: [ComparedTable] = []
    /// The indexes the source uses most, ten at most.
    public var mostUsedIndexes: [UsedIndex] = []
    /// What is not as it should be, worst first.
    public var findings: [Finding] = []
    /// What could not be examined, and why.
    public var notProven: [String] = []
    /// How row hashes were made.
    public var method: String

    package init(method: String) {
        self.method = method
    }

    /// The judgement over all of it.
    public var verdict: Verdict {
        if findings.contains(where: { $0.severity > .note }) { return .differs }
        return notProven.isEmpty ? .proven : .notProven
    }

    /// Both results together.
    package func merged(with other: Self) -> Self {
        var merged = self
        merged.examined += other.examined
        merged.tables += other.tables
        merged.mostUsedIndexes += other.mostUsedIndexes
        merged.findings = (findings + other.findings).sorted {
            ($1.severity, $0.kind, $0.object) < ($0.severity, $1.kind, $1.object)
        }
        merged.notProven += other.notProven
        return merged
    }
}
