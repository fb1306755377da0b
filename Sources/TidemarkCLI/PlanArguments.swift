import ArgumentParser
import Planning
import Postgres
import Tidemark

/// How tables are treated.
struct PlanArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Leave a table out, definition and rows; repeatable.", valueName: "schema.table"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("Copy a table whole on the night; repeatable.", valueName: "schema.table"))
    var whole: [String] = []

    @Option(help: ArgumentHelp("Copy a table ahead in chunks; repeatable.", valueName: "schema.table"))
    var delta: [String] = []

    @Option(help: ArgumentHelp("The size a chunk is cut to (64MB).", valueName: "size"))
    var chunkSize: ByteSize?

    @Option(help: ArgumentHelp("Tables smaller than this are copied whole on the night (8MB).", valueName: "size"))
    var wholeBelow: ByteSize?

    @Option(
        help: ArgumentHelp("Options too long for a command line (./tidemark.yaml, if there is one).", valueName: "file")
    )
    var config: String?

    @Option(name: .jobs, help: "Chunks copied, and ranges compared, at the same time (4).")
    var jobs: Int?

    /// The file's options with the command line's laid over them.
    @Flag(help: "The source is another cluster since the run began (pg_upgrade), with the same rows: compare them.")
    var sourceMoved = false

    func options() throws -> MigrationOptions {
        var options = try ConfigurationFile.load(config)
        options.acceptsMovedSource = sourceMoved
        for (names, treatment) in [(exclude, Treatment.excluded), (whole, .whole), (delta, .delta)] {
            for name in names { options.plan.treatments[try QualifiedName(argument: name)] = treatment }
        }
        if let chunkSize { options.plan.chunkBytes = chunkSize.bytes }
        if let wholeBelow { options.plan.wholeBelowBytes = wholeBelow.bytes }
        if let jobs { options.jobs = try Self.count(jobs, "--jobs") }
        guard options.plan.chunkBytes >= 8192 else { throw UsageError(description: "a chunk has at least 8kB") }
        return options
    }

    static func count(_ number: Int, _ name: String) throws -> Int {
        guard (1...256).contains(number) else { throw UsageError(description: "\(name) is a number from 1 to 256") }
        return number
    }
}

extension NameSpecification {
    /// `--jobs 2`, `-j 2` and, as `pg_dump` takes it, `-j2`.
    static var jobs: NameSpecification { [.customShort("j", allowingJoined: true), .customLong("jobs")] }
}

/// What decides over building keys and definitions.
struct BuildArguments: ParsableArguments {
    @Option(help: "Keys and indexes built at the same time (2).")
    var indexJobs: Int?

    @Option(help: ArgumentHelp("Memory for all index builds together (512MB).", valueName: "size"))
    var indexMemory: ByteSize?

    @OptionGroup var tools: ToolsArgument
    @OptionGroup var omissions: OmissionArguments

    func apply(to options: inout MigrationOptions) throws {
        if let indexJobs { options.indexJobs = try PlanArguments.count(indexJobs, "--index-jobs") }
        if let indexMemory { options.indexMemoryBytes = indexMemory.bytes }
        tools.apply(to: &options)
        omissions.apply(to: &options)
    }
}

/// Where PostgreSQL's own tools are.
struct ToolsArgument: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder of pg_dump and pg_restore; by default PATH and the usual folders.",
            valueName: "dir"
        )
    )
    var pgBin: String?

    func apply(to options: inout MigrationOptions) {
        if let pgBin { options.toolDirectory = pgBin }
    }
}

/// What is left out; remembered by the ledger, so that it need be said once only.
struct OmissionArguments: ParsableArguments {
    @Flag(help: "Let all objects belong to the target's role.")
    var noOwner = false

    @Flag(help: "Bring over no GRANTs.")
    var noPrivileges = false

    @Flag(help: "Put tables and indexes into the target's default tablespace.")
    var noTablespaces = false

    @Flag(help: "Bring over no event triggers (only a superuser may make them).")
    var noEventTriggers = false

    @Flag(help: "Bring over no publications (one FOR ALL TABLES only a superuser may make).")
    var noPublications = false

    @Flag(help: "Bring over no subscriptions (only a superuser of the source may read them).")
    var noSubscriptions = false

    @Flag(help: "Bring over no large objects.")
    var noLargeObjects = false

    @Flag(help: "Bring over no ALTER DATABASE and ALTER ROLE IN DATABASE settings.")
    var noDatabaseSettings = false

    @Option(
        help: ArgumentHelp(
            "Look at the rows for foreign keys on the night (validate), or leave it to rebuild (later).",
            valueName: "when"
        )
    )
    var foreignKeys = ForeignKeyValidation.validate

    enum ForeignKeyValidation: String, ExpressibleByArgument {
        case validate, later
    }

    func apply(to options: inout MigrationOptions) {
        if foreignKeys == .later { options.omissions.insert(.foreignKeyValidation) }
        let asked: [(Bool, Omission)] = [
            (noOwner, .owners), (noPrivileges, .privileges), (noTablespaces, .tablespaces),
            (noEventTriggers, .eventTriggers), (noPublications, .publications), (noSubscriptions, .subscriptions),
            (noLargeObjects, .largeObjects), (noDatabaseSettings, .databaseSettings),
        ]
        for (isAsked, omission) in asked where isAsked { options.omissions.insert(omission) }
    }
}
