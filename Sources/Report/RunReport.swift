public import Verification

/// What a run was asked to do, what it did, and what came of it.
///
/// The same value is printed, and written as JSON.
public struct RunReport: Sendable, Codable {
    /// How a run ended.
    public enum Outcome: String, Sendable, Codable {
        /// Everything that was asked for is done and, where it was verified, proven.
        case done
        /// Source and target differ.
        case differs
        /// Something could not be proven.
        case notProven
        /// Stopped at a point of safe return; the same command goes on from there.
        case stopped
        /// Ended by an error; what was committed stays.
        case failed
    }

    /// One stretch of the run and how long it took.
    public struct Phase: Sendable, Codable {
        /// Its name.
        public let name: String
        /// When it began, in seconds since the run did.
        public let start: Double
        /// Its duration.
        public let seconds: Double

        package init(name: String, start: Double, seconds: Double) {
            self.name = name
            self.start = start
            self.seconds = seconds
        }
    }

    /// What was moved.
    public struct Transfer: Sendable, Codable {
        /// Chunks brought to a newer mark.
        public var chunks = 0
        /// Those of them in which nothing had changed.
        public var unchangedChunks = 0
        /// Those of them compared with the source because their mark was void or the target held something else.
        public var reconciledChunks = 0
        /// Rows copied.
        public var rows = 0
        /// Rows taken out of the target because the source no longer has them as they were.
        public var removedRows = 0
        /// Bytes copied.
        public var bytes = 0
        /// Attempts repeated after a passing failure.
        public var retries = 0
        /// Large objects brought over because they were not there or differed.
        public var largeObjects = 0
        /// Large objects removed because the source has them no more.
        public var removedLargeObjects = 0
        /// Keys, indexes and constraints completed.
        public var objects = 0

        package init() {}
    }

    /// What was done for one table.
    public struct TableWork: Sendable, Codable {
        /// The table's full name.
        public let name: String
        /// Chunks brought to a newer mark.
        public let chunks: Int
        /// Rows copied.
        public let rows: Int
        /// Bytes copied.
        public let bytes: Int
        /// Seconds, of all workers together.
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
        /// As it was run.
        public let sql: String
        /// How long it took.
        public let seconds: Double

        package init(sql: String, seconds: Double) {
            self.sql = sql
            self.seconds = seconds
        }
    }

    /// Raised whenever a field changes its meaning or goes; new ones may come at any time.
    public static let formatVersion = 1

    /// ``formatVersion`` of the tool that wrote it.
    public private(set) var format = formatVersion
    /// The command.
    public let command: String
    /// The version of the tool.
    public let toolVersion: String
    /// The source, without user or password.
    public let source: String
    /// The target, without user or password.
    public let target: String
    /// When the run began, ISO 8601 in UTC.
    public let startedAt: String
    /// The error that ended it, where one did.
    public var failure: String?
    /// How it ended.
    public var outcome: Outcome = .done
    /// The phases in order.
    public var phases: [Phase] = []
    /// What was moved.
    public var transfer = Transfer()
    /// What was done table by table, what took longest first.
    public var tables: [TableWork] = []
    /// The statements that built keys, indexes and constraints, in order.
    public var statements: [Statement] = []
    /// What the operator should know.
    public var warnings: [String] = []
    /// What the verification found, if there was one.
    public var verification: VerificationResult?
    /// Whether the source was quiet while it was read for the last time; nil where it was not to be.
    public var quiet: String?

    package init(command: String, toolVersion: String, source: String, target: String, startedAt: String) {
        self.startedAt = startedAt
        self.command = command
        self.toolVersion = toolVersion
        self.source = source
        self.target = target
    }

    /// From the run's beginning to the end of its last phase.
    public var seconds: Double { phases.map { $0.start + $0.seconds }.max() ?? 0 }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }
}
