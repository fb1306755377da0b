/// What a verification examined and found.
public struct VerificationResult: Sendable, Codable {
    /// One class of objects and how many of them were examined.
    public struct Examined: Sendable, Codable, Hashable {
        /// The class.
        public let kind: String
        /// The number on the source.
        public let source: Int
        /// The number on the target.
        public let target: Int

        package init(kind: String, source: Int, target: Int) {
            self.kind = kind
            self.source = source
            self.target = target
        }

        package var isEmpty: Bool { source == 0 && target == 0 }
    }

    /// One table whose rows were compared.
    public struct ComparedTable: Sendable, Codable, Hashable {
        /// The table's full name.
        public let name: String
        /// The number of its ranges that were compared.
        public let ranges: Int
        /// The number of ranges that differ.
        public let differingRanges: Int
        /// The number of ranges that were proven before, where only rows written since had to be compared.
        public let standingRanges: Int
        /// The number of its ranges that were proven before and not read: by the servers' counters nothing was written to
        /// them since.
        public let countedRanges: Int
        /// Since when the counters show that, by the source's clock.
        public let countedSince: String?
        /// Bytes on the source, without indexes.
        public let sourceBytes: Int
        /// Bytes on the target, without indexes.
        public let targetBytes: Int
        /// Rows on the source.
        public let sourceRows: Int
        /// Rows on the target.
        public let targetRows: Int
    }

    /// An index that the source uses often.
    public struct UsedIndex: Sendable, Codable, Hashable {
        /// Its full name.
        public let name: String
        /// Its table.
        public let table: String
        /// The number of scans since the source's statistics began.
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
    /// The problems found, most serious first.
    public var findings: [Finding] = []
    /// What could not be examined, and why.
    public var notProven: [String] = []
    /// How row hashes were made.
    public var method: String

    package init(method: String) {
        self.method = method
    }

    /// The overall result.
    public var verdict: Verdict {
        if findings.contains(where: { $0.severity > .note }) { return .differs }
        return notProven.isEmpty ? .proven : .notProven
    }

    /// Returns both results as one.
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
