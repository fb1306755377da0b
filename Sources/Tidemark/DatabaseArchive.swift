import Archive
import Ledger
public import Postgres
public import Report

/// A differential archive of a database on disk: a base, and deltas to it.
public struct DatabaseArchive: Sendable {
    /// The archive's folder.
    public let path: String
    /// What the operator decided; of a dump the plan, jobs and omissions count, of a restore all that count for a
    /// cutover.
    public var options: MigrationOptions
    /// zstd's level, 1 to 19.
    public var level = 1
    /// How many threads of each job compress, beside the one that reads; 0: it compresses itself.
    public var threads = 0
    /// From this size on disk on a chunk's rows go to another file; nil: a chunk is one file.
    public var splitBytes: Int?
    /// Read everything in one snapshot: the generation is consistent by itself, and a transaction stays open on the
    /// source as long as the dump takes.
    public var isConsistent = false
    /// Asked between any two steps; what is stopped goes on when it is called again.
    public let stop: StopRequest
    let observer: @Sendable (RunEvent) -> Void

    /// - Parameters:
    ///   - path: The archive's folder; a dump makes it.
    ///   - options: What the operator decided.
    ///   - stop: Lets somebody end the work at a point of safe return.
    ///   - observer: Told what happens; called from any thread.
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

    /// Writes a base the first time, and what has changed since every next time.
    ///
    /// - Parameter source: The database; SELECT on its tables and sequences is all that is needed.
    /// - Returns: What was written.
    /// - Throws: ``ArchiveError``, ``PlanError``, ``ToolError``, ``PostgresError``. Earlier generations are untouched;
    ///   the next call goes on with the chunks that are on disk.
    public func dump(from source: Endpoint) async throws -> RunReport {
        try await Dump(self, source).run()
    }

    /// Writes a generation as one stream, a tape archive that `tar x` makes a folder of.
    ///
    /// No more than a few chunks are on disk at a time. The archive's folder keeps the manifests only: by them the next
    /// call knows what has changed since.
    ///
    /// - Parameters:
    ///   - source: The database.
    ///   - descriptor: Takes the stream.
    /// - Returns: What was written.
    /// - Throws: As ``dump(from:)``; what was sent is worthless then.
    public func dump(from source: Endpoint, to descriptor: Int32) async throws -> RunReport {
        try await Dump(self, source, to: TarWriter(descriptor)).run()
    }

    /// Makes the archive's folder of such a stream.
    ///
    /// - Parameter descriptor: Gives the stream.
    /// - Throws: ``ArchiveError``.
    public func receive(from descriptor: Int32) throws {
        try TarReader(descriptor).unpack(into: path)
    }

    /// Folds the base and its deltas into the base of another archive, without a server; this one stays as it is.
    ///
    /// The next dump into the other archive is a delta to it.
    ///
    /// - Parameters:
    ///   - destination: The other archive's folder, which is not there yet.
    ///   - generation: The last generation that goes in; nil: the newest.
    /// - Returns: What was done.
    /// - Throws: ``ArchiveError``.
    public func merge(into destination: String, until generation: Int? = nil) async throws -> RunReport {
        try await Merge(self, into: destination, until: generation).run()
    }

    /// Compares a database with what the archive recorded: definitions by their attributes, rows by their fingerprints.
    ///
    /// The source may be gone; nothing is written.
    ///
    /// - Parameters:
    ///   - target: The database, whoever filled it.
    ///   - generation: The one it should be; nil: the newest.
    /// - Returns: What was examined and found.
    /// - Throws: ``ArchiveError``, ``LedgerError``, ``PostgresError``.
    public func verify(_ target: Endpoint, at generation: Int? = nil) async throws -> RunReport {
        let migration = try migration(to: target)
        let recorder = RunRecorder(
            "verify",
            source: path,
            target: target.description,
            on: [migration.target],
            stop: stop,
            observer: observer
        )
        return try await recorder.recording {
            let wanted = try WantedGeneration(path, until: generation)
            let begun = try await ThreadConfined.with(migration.target, purpose: "tidemark verify") { target in
                try await target.run { try Ledger.run(on: $0) }
            }
            let left = options.omissions.union(wanted.manifest.omissions).union(begun?.omissions ?? [])
            let result = try await ArchiveVerify(
                migration: migration,
                recorder: recorder,
                generation: wanted.last,
                told: wanted.told,
                omissions: left,
                purpose: "tidemark verify",
                triesInserts: options.triesInserts
            ).run()
            recorder.update { $0.verification = result }
            return recorder.finish(RunReport.Outcome(result.verdict))
        }
    }

    var compression: Compression { Compression(level: level, threads: threads, fileBytes: splitBytes) }

    /// A migration whose source nobody reads: there is none.
    func migration(to target: Endpoint) throws -> Migration {
        Migration(
            source: try Endpoint("host=/nonexistent dbname=archive", side: .source),
            target: target,
            options: options,
            stop: stop,
            observer: observer
        )
    }

    /// Brings an empty database, or one that stands at an earlier generation of this archive, to a generation, and
    /// proves it.
    ///
    /// - Parameters:
    ///   - target: The database being filled.
    ///   - generation: The one wanted; nil: the newest.
    ///   - isAhead: Bring rows, keys and indexes only: later generations are to come.
    ///   - proves: Compare everything with what the archive recorded once all is built; else the next call does.
    /// - Returns: What was done, and the proof if there was one.
    /// - Throws: ``ArchiveError``, ``PlanError``, ``LedgerError``, ``ToolError``, ``PostgresError``. Whatever was
    ///   committed stays, and the next call goes on from there.
    public func restore(to target: Endpoint, until generation: Int? = nil, isAhead: Bool = false, proves: Bool = true)
        async throws -> RunReport
    {
        try await Restore(self, target, until: generation, isAhead: isAhead, proves: proves).run()
    }
}
