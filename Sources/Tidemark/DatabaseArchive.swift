import Archive
import Ledger
public import Postgres
public import Report

/// A differential archive of a database on disk: a base and its deltas.
public struct DatabaseArchive: Sendable {
    /// The archive's folder.
    public let path: String
    /// The operator's choices.
    ///
    /// A dump uses the plan, jobs and omissions; a restore uses everything that applies to a cutover.
    public var options: MigrationOptions
    /// The zstd compression level, 1 to 19.
    public var level = 1
    /// How many threads compress for each job, besides the reader; with 0 the reader compresses.
    public var threads = 0
    /// The size on disk at which a chunk continues in another file; nil keeps each chunk in one file.
    public var splitBytes: Int?
    /// Whether to read everything in one snapshot, so that the generation is consistent.
    ///
    /// A transaction then stays open on the source for the whole dump.
    public var isConsistent = false
    /// Checked between any two steps; stopped work resumes when it is called again.
    public let stop: StopRequest
    let observer: @Sendable (RunEvent) -> Void

    /// Creates a handle for an archive; nothing is read or written yet.
    ///
    /// - Parameters:
    ///   - path: The archive's folder; a dump creates it.
    ///   - options: The operator's choices.
    ///   - stop: Lets the caller end the work between two steps.
    ///   - observer: Receives events; called from any thread.
    public init(
        _ path: String,
        options: MigrationOptions = MigrationOptions(),
        stop: StopRequest = StopRequest(),
        observer: @escaping @Sendable (RunEvent) -> Void = { _ in }
    ) {
        self.path = path
        self.options = options
        self.stop = stop
        self.observer = observer
    }

    /// Writes a base first, then a delta each time.
    ///
    /// - Parameter source: The database to dump; its role needs only SELECT on the tables and sequences.
    /// - Returns: What was written.
    /// - Throws: ``ArchiveError``, ``PlanError``, ``ToolError``, ``PostgresError``. Earlier generations are not
    ///   changed; the next call keeps the chunks that are on disk.
    public func dump(from source: Endpoint) async throws -> RunReport {
        try await Dump(context, of: source).run()
    }

    /// Writes a generation as one stream, a tape archive that `tar x` unpacks into a folder.
    ///
    /// At most a few chunks are on disk at a time. The archive's folder keeps only the manifests, which the next call
    /// needs to find what has changed.
    ///
    /// - Parameters:
    ///   - source: The database to dump.
    ///   - descriptor: The file descriptor to write to.
    /// - Returns: What was written.
    /// - Throws: The same as ``dump(from:)``; what was sent is then unusable.
    public func dump(from source: Endpoint, to descriptor: Int32) async throws -> RunReport {
        try await Dump(context, of: source, to: TarWriter(descriptor)).run()
    }

    /// Unpacks such a stream into the archive's folder.
    ///
    /// - Parameter descriptor: The file descriptor to read from.
    /// - Throws: ``ArchiveError``.
    public func receive(from descriptor: Int32) throws {
        try TarReader(descriptor).unpack(into: path)
    }

    /// Merges the base and its deltas into the base of a new archive, without a server; this archive is not changed.
    ///
    /// The next dump into the new archive is a delta to that base.
    ///
    /// - Parameters:
    ///   - destination: The new archive's folder, which must not exist yet.
    ///   - generation: The last generation to merge; nil means the newest.
    /// - Returns: What was done.
    /// - Throws: ``ArchiveError``.
    public func merge(into destination: String, until generation: Int? = nil) async throws -> RunReport {
        try await Merge(context, into: destination, until: generation).run()
    }

    /// Compares a database with what the archive recorded: definitions by attributes, rows by fingerprints.
    ///
    /// It needs no source and writes nothing.
    ///
    /// - Parameters:
    ///   - target: The database to compare, however it was filled.
    ///   - generation: The generation to compare it with; nil means the newest.
    /// - Returns: What was compared and found.
    /// - Throws: ``ArchiveError``, ``LedgerError``, ``PostgresError``.
    public func verify(_ target: Endpoint, at generation: Int? = nil) async throws -> RunReport {
        try await VerifyArchived(context, target, at: generation).run()
    }

    private var context: ArchiveContext {
        ArchiveContext(
            path: path,
            options: options,
            compression: Compression(level: level, threads: threads, fileBytes: splitBytes),
            isConsistent: isConsistent,
            stop: stop,
            observer: observer
        )
    }

    /// Restores a generation, and proves the result.
    ///
    /// The target must be empty, or be at an earlier generation of this archive.
    ///
    /// - Parameters:
    ///   - target: The database to restore to.
    ///   - generation: The generation to restore; nil means the newest.
    ///   - isAhead: Restore only rows, keys and indexes, because later generations will follow.
    ///   - proves: Whether to compare everything with what the archive recorded; if not, the next call does.
    /// - Returns: What was done, and the proof if there was one.
    /// - Throws: ``ArchiveError``, ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``. What was
    ///   committed stays, and the next call resumes from there.
    public func restore(to target: Endpoint, until generation: Int? = nil, isAhead: Bool = false, proves: Bool = true)
        async throws -> RunReport
    {
        try await Restore(context, to: target, until: generation, isAhead: isAhead, proves: proves).run()
    }
}
