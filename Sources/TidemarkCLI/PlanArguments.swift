import ArgumentParser
import Planning
import Postgres
import Tidemark

/// The options that decide how tables are treated.
struct PlanArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Leave out a table, definition and rows (repeatable)", valueName: "schema.table"))
    var exclude: [String] = []

    @Option(
        help: ArgumentHelp("Leave out a schema with all that is in it, on both sides (repeatable)", valueName: "schema")
    )
    var excludeSchema: [String] = []

    @Option(help: ArgumentHelp("Copy a table whole, each time (repeatable)", valueName: "schema.table"))
    var whole: [String] = []

    @Option(help: ArgumentHelp("Copy a table ahead in chunks (repeatable)", valueName: "schema.table"))
    var delta: [String] = []

    @Option(help: ArgumentHelp("Cut tables into chunks of this size (default: 64MB)", valueName: "size"))
    var chunkSize: ByteSize?

    @Option(help: ArgumentHelp("Copy smaller tables whole, each time (default: 8MB)", valueName: "size"))
    var wholeBelow: ByteSize?

    @Option(
        help: ArgumentHelp("Read this configuration file (default: ./tidemark.yaml, if it exists)", valueName: "file")
    )
    var config: String?

    @Option(
        name: .jobs,
        help: ArgumentHelp("Copy or compare this many chunks at the same time (default: 4)", valueName: "number")
    )
    var jobs: Int?

    @Flag(
        help:
            "Move rows into a target that is in use: only those of tables with a condition (where in tidemark.yaml)"
    )
    var stage = false

    @Flag(
        help:
            "Accept a source moved to another cluster since the run began (pg_upgrade), and compare all its rows (dump: write them all again)"
    )
    var sourceMoved = false

    /// Reads the configuration file and applies the options of the command line, which take precedence.
    func options() throws -> MigrationOptions {
        var options = try ConfigurationFile.load(config)
        options.acceptsMovedSource = sourceMoved
        for (names, treatment) in [(exclude, Treatment.excluded), (whole, .whole), (delta, .delta)] {
            for name in names { options.plan.treatments[try QualifiedName(argument: name)] = treatment }
        }
        if stage { options.omissions.insert(.allButFilteredRows) }
        for name in excludeSchema { options.omissions.insert(.schema(try ServerText(argument: name))) }
        if let chunkSize { options.plan.chunkBytes = chunkSize.bytes }
        if let wholeBelow { options.plan.wholeBelowBytes = wholeBelow.bytes }
        if let jobs { options.jobs = try Self.count(jobs, "--jobs") }
        guard options.plan.chunkBytes >= 8192 else {
            throw UsageError(description: "the chunk size must be at least 8kB")
        }
        return options
    }

    static func count(_ number: Int, _ name: String) throws -> Int {
        guard (1...256).contains(number) else {
            throw UsageError(description: "\(name) must be a number from 1 to 256")
        }
        return number
    }
}

extension NameSpecification {
    /// `--jobs 2`, `-j 2` and, as for `pg_dump`, `-j2`.
    static var jobs: NameSpecification { [.customShort("j", allowingJoined: true), .customLong("jobs")] }
}

/// The options for building keys and definitions.
struct BuildArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Build this many keys and indexes at the same time (default: 2)", valueName: "number"))
    var indexJobs: Int?

    @Option(help: ArgumentHelp("Use this much memory for all index builds (default: 512MB)", valueName: "size"))
    var indexMemory: ByteSize?

    @OptionGroup var tools: ToolsArgument
    @OptionGroup var omissions: OmissionArguments

    func apply(to options: inout MigrationOptions) throws {
        if let indexJobs { options.indexJobs = try PlanArguments.count(indexJobs, "--index-jobs") }
        if let indexMemory { options.indexMemoryBytes = indexMemory.bytes }
        tools.apply(to: &options)
        try omissions.apply(to: &options)
    }
}

/// The option that says where PostgreSQL's own tools are.
struct ToolsArgument: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Take pg_dump and pg_restore from this folder (default: PATH and the usual folders)",
            valueName: "dir"
        )
    )
    var pgBin: String?

    func apply(to options: inout MigrationOptions) {
        if let pgBin { options.toolDirectory = pgBin }
    }
}

/// The options that leave something out.
///
/// The ledger remembers them, so they need to be given only once.
struct OmissionArguments: ParsableArguments {
    @Flag(help: "Copy no owners: all objects belong to the target's role")
    var noOwner = false

    @Flag(help: "Copy no GRANTs")
    var noPrivileges = false

    @Flag(help: "Put tables and indexes into the target's default tablespace")
    var noTablespaces = false

    @Flag(help: "Copy no event triggers (creating one requires a superuser)")
    var noEventTriggers = false

    @Flag(help: "Copy no publications (creating one FOR ALL TABLES requires a superuser)")
    var noPublications = false

    @Flag(help: "Copy no subscriptions (reading them requires a superuser on the source)")
    var noSubscriptions = false

    @Flag(help: "Copy no large objects")
    var noLargeObjects = false

    @Flag(help: "Copy no ALTER DATABASE and ALTER ROLE IN DATABASE settings")
    var noDatabaseSettings = false

    @Option(
        help: ArgumentHelp(
            "Leave out an extension that the target cannot have, with the rows in its tables (repeatable)",
            valueName: "name"
        )
    )
    var noExtension: [String] = []

    @Option(
        help: ArgumentHelp(
            "Validate foreign keys during cutover or restore (validate), or leave it to rebuild (later)",
            valueName: "when"
        )
    )
    var foreignKeys = ForeignKeyValidation.validate

    enum ForeignKeyValidation: String, ExpressibleByArgument {
        case validate, later
    }

    func apply(to options: inout MigrationOptions) throws {
        for name in noExtension { options.omissions.insert(.extension(try ServerText(argument: name))) }
        if foreignKeys == .later { options.omissions.insert(.foreignKeyValidation) }
        let asked: [(Bool, Omission)] = [
            (noOwner, .owners), (noPrivileges, .privileges), (noTablespaces, .tablespaces),
            (noEventTriggers, .eventTriggers), (noPublications, .publications), (noSubscriptions, .subscriptions),
            (noLargeObjects, .largeObjects), (noDatabaseSettings, .databaseSettings),
        ]
        for (isAsked, omission) in asked where isAsked { options.omissions.insert(omission) }
    }
}
