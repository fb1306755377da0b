public import Verification

/// What a run was asked to do, what it did, and its outcome.
///
/// The same value is printed and written as JSON.
public struct RunReport: Sendable, Codable {
    /// How a run ended.
    public enum Outcome: String, Sendable, Codable {
        /// Everything requested is done and, if it was verified, proven.
        case done
        /// A cutover was rehearsed: the target equals a snapshot of the source, which went on changing.
        case rehearsed
        /// Source and target differ.
        case differs
        /// Something could not be proven.
        case notProven
        /// The operator stopped it; the same command resumes from what was committed.
        case stopped
        /// An error ended it; what was committed stays.
        case failed
    }

    /// One part of the run and how long it took.
    public struct Phase: Sendable, Codable {
        /// Its name.
        public let name: String
        /// When it began, in seconds since the run began.
        public let start: Double
        /// Its duration in seconds.
        public let seconds: Double

        package init(name: String, start: Double, seconds: Double) {
            self.name = name
            self.start = start
            self.seconds = seconds
        }
    }

    /// What was copied, removed and built, as counts.
    public struct Transfer: Sendable, Codable {
        /// Chunks copied up to a newer mark.
        public var chunks = 0
        /// The chunks among them in which nothing had changed.
        public var unchangedChunks = 0
        /// The chunks among them compared with the source because their mark was void or the target held other rows.
        public var reconciledChunks = 0
        /// Rows copied.
        public var rows = 0
        /// Rows removed from the target because they were changed or deleted on the source.
        public var removedRows = 0
        /// Bytes copied.
        public var bytes = 0
        /// Attempts repeated after a transient failure.
        public var retries = 0
        /// Large objects copied because they were missing or differed.
        public var largeObjects = 0
        /// Large objects removed because the source no longer has them.
        public var removedLargeObjects = 0
        /// Keys, indexes and constraints completed.
        public var objects = 0

        package init() {}
    }

    /// What was done for one table.
    public struct TableWork: Sendable, Codable {
        /// The table's full name.
        public let name: String
        /// Chunks copied up to a newer mark.
        public let chunks: Int
        /// Rows copied.
        public let rows: Int
        /// Bytes copied.
        public let bytes: Int
        /// Seconds spent, summed over all workers.
        public let seconds: Double

        package init(name: String, chunks: Int, rows: Int, bytes: Int, seconds: Double) {
            self.name = name
            self.chunks = chunks
            self.rows = rows
            self.bytes = bytes
            self.seconds = seconds
        }
    }

    /// A statement that built something on the target.
    public struct Statement: Sendable, Codable {
        /// The statement as it was run.
        public let sql: String
        /// How long it took, in seconds.
        public let seconds: Double

        package init(sql: String, seconds: Double) {
            self.sql = sql
            self.seconds = seconds
        }
    }

    /// The version of the report's format, raised when a field changes its meaning or is removed.
    ///
    /// New fields may be added at any time.
    public static let formatVersion = 1

    /// The ``formatVersion`` of the tool that wrote the report.
    public private(set) var format = formatVersion
    /// The command that was run, such as `precopy`.
    public let command: String
    /// The version of the tool.
    public let toolVersion: String
    /// The source, without user or password.
    public let source: String
    /// The target, without user or password.
    public let target: String
    /// When the run began, ISO 8601 in UTC.
    public let startedAt: String
    /// The error that ended it, if one did.
    public var failure: String?
    /// How it ended.
    public var outcome: Outcome = .done
    /// The phases in order.
    public var phases: [Phase] = []
    /// What was copied, removed and built.
    public var transfer = Transfer()
    /// What was done for each table, longest first.
    public var tables: [TableWork] = []
    /// The statements that built keys, indexes and constraints, in order.
    public var statements: [Statement] = []
    /// Warnings for the operator.
    public var warnings: [String] = []
    /// What the verification found, if there was one.
    public var verification: VerificationResult?
    /// How long the night will take, by what was measured until now; nil if this is the night.
    public var forecast: NightForecast?
    /// How far the run had come when it ended, as the ledger names it, such as `precopied`; nil if that is not known.
    public var step: String?
    /// The command that goes on with the run, without secrets; nil if the caller is not the command line.
    public var resumeCommand: String?
    /// Whether the source is read-only, by this run or an earlier one; only `tidemark unfence` undoes that.
    public var isSourceFenced: Bool?
    /// Whether it stopped because it could not have ended before its deadline.
    public var isPastDeadline: Bool?
    /// Whether the target has been in use since the cutover, so that what others wrote there was left out.
    public var isTargetInUse: Bool?
    /// Whether a stage is moved: some rows, into a target that serves others.
    public var isStage: Bool?
    /// What was written on the source after the snapshot, or might still be, if that stopped a cutover before it built anything.
    public var lateWrites: LateWrites?
    /// Whether the source was quiet while it was read for the last time; nil if it did not have to be.
    public var quiet: String?

    package init(command: String, toolVersion: String, source: String, target: String, startedAt: String) {
        self.startedAt = startedAt
        self.command = command
        self.toolVersion = toolVersion
        self.source = source
        self.target = target
    }

    /// The seconds from the beginning of the run to the end of its last phase.
    public var seconds: Double { phases.map { $0.start + $0.seconds }.max() ?? 0 }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }
}

extension RunReport.Outcome {
    /// The outcome of a run that ended with a verdict.
    package init(_ verdict: Verdict) {
        switch verdict {
        case .proven: self = .done
        case .differs: self = .differs
        case .notProven: self = .notProven
        }
    }
}
