import Planning
import Tidemark

/// A setting that the configuration file and the environment can have, besides the tables.
struct ConfigurationSetting: Sendable {
    let name: String
    /// What it means, for the file that `tidemark init` writes.
    let comment: String
    /// Its default, as it stands in the file.
    let standard: String
    /// Enters a value.
    let apply: @Sendable (ConfigurationValue, inout MigrationOptions) throws -> Void

    /// The variable of the environment, such as `TIDEMARK_INDEX_JOBS`.
    var variable: String { "TIDEMARK_" + name.uppercased() }

    /// The most workers, and the longest times in seconds, that make sense.
    static let (jobs, seconds) = (1...256, 1...86_400)

    static let all: [ConfigurationSetting] = [
        ConfigurationSetting(
            name: "jobs",
            comment: "Chunks copied or compared at the same time; each takes a connection to either side.",
            standard: "4"
        ) { $1.jobs = try $0.integer(in: jobs) },
        ConfigurationSetting(
            name: "index_jobs",
            comment: "Keys and indexes built at the same time.",
            standard: "2"
        ) { $1.indexJobs = try $0.integer(in: jobs) },
        ConfigurationSetting(
            name: "index_memory",
            comment: "Memory for all index builds together.",
            standard: "512MB"
        ) { $1.indexMemoryBytes = try $0.size() },
        ConfigurationSetting(
            name: "chunk_size",
            comment: "Tables are cut into chunks of this size.",
            standard: "64MB"
        ) { $1.plan.chunkBytes = try $0.size() },
        ConfigurationSetting(
            name: "whole_below",
            comment: "Smaller tables are copied whole, each time.",
            standard: "8MB"
        ) { $1.plan.wholeBelowBytes = try $0.size() },
        ConfigurationSetting(
            name: "max_transaction",
            comment: "How long a transaction of a precopy may read the source, in seconds.",
            standard: "60"
        ) { $1.longestTransaction = .seconds(try $0.integer(in: seconds)) },
        ConfigurationSetting(
            name: "max_rate",
            comment: "Copy at most this much a second, all jobs together; none: no limit.",
            standard: "none"
        ) { $1.maxRate = try $0.rate() },
        ConfigurationSetting(
            name: "max_lag",
            comment: "A precopy pauses while a replica is further behind than this, such as 10s; none: no limit.",
            standard: "none"
        ) { $1.backOff.longestLag = try $0.optional { try $0.time() } },
        ConfigurationSetting(
            name: "max_active",
            comment:
                "A precopy pauses while more sessions than this are active on the source's server; none: no limit.",
            standard: "none"
        ) { $1.backOff.mostActiveSessions = try $0.optional { try $0.integer(in: 0...1_000_000) } },
        ConfigurationSetting(
            name: "probe",
            comment:
                "A precopy pauses while this query on the source takes longer than max_probe_time; none: no query.",
            standard: "none"
        ) { $1.backOff.probe = try $0.optional { try $0.string() } },
        ConfigurationSetting(
            name: "max_probe_time",
            comment: "How long the probe may take.",
            standard: "500ms"
        ) { $1.backOff.longestProbe = try $0.time() },
        ConfigurationSetting(
            name: "evidence",
            comment: "What a cutover takes for proof that rows did not change: rows, counters or declared.",
            standard: "rows"
        ) { $1.evidence = try $0.choice(Evidence.self) },
        ConfigurationSetting(
            name: "fence",
            comment: "What keeps writers out of the source during a cutover: none, lock or read-only.",
            standard: "none"
        ) { $1.fence = try $0.choice(Fence.self) },
        ConfigurationSetting(
            name: "wait_for_writers",
            comment: "How long a cutover waits for open transactions that have written, in seconds.",
            standard: "20"
        ) { $1.patienceWithWriters = .seconds(try $0.integer(in: 0...seconds.upperBound)) },
        ConfigurationSetting(
            name: "exclude_schemas",
            comment: "Schemas that are left out with all that is in them, on both sides.",
            standard: "[]"
        ) { $1.omissions.formUnion(try $0.names().map(Omission.schema)) },
        ConfigurationSetting(
            name: "no_extensions",
            comment: "Extensions that are left out because the target cannot have them.",
            standard: "[]"
        ) { $1.omissions.formUnion(try $0.names().map(Omission.extension)) },
    ]
}
