import Archive
import Catalog
import FoundationEssentials
import Ledger
import Planning
import Postgres
import Rebuild
import Report
import Synchronization
import Transfer

/// Writes a generation: everything the first time, afterwards what has changed since the previous one.
struct Dump {
    private static let purpose = "tidemark dump"
    /// The newest major version of `pg_dump` to look for; it can dump older servers too.
    private static let newestTools = 18

    private let archive: ArchiveContext
    private let source: Endpoint
    /// Receives the generation instead of the archive's folder, which then keeps only the manifest.
    private let stream: TarWriter?
    private let recorder: RunRecorder

    init(_ archive: ArchiveContext, of source: Endpoint, to stream: TarWriter? = nil) {
        let source = source.watched(stop: archive.stop, observer: archive.observer)
        self.archive = archive
        self.source = source
        self.stream = stream
        recorder = RunRecorder(
            "dump",
            source: source.description,
            target: stream == nil ? archive.path : "standard output",
            on: [source],
            stop: archive.stop,
            // What was already sent cannot be recalled, so a stream must not begin again.
            beginsAgain: stream == nil,
            observer: archive.observer
        )
    }

    /// What is known before anything is written.
    private struct Situation: Sendable {
        let directory: ArchiveDirectory
        let previous: ArchiveDirectory.Generation?
        let catalog: DatabaseCatalog
        let access: Definitions.Access
        let answers: RowHash.Answers
        let tables: [PlannedTable]
        let warnings: [String]

        var number: Int { previous.map { $0.manifest.generation + 1 } ?? 0 }
        var excluded: Set<QualifiedName> { Set(tables.filter { !$0.plan.treatment.isOnTarget }.map(\.plan.name)) }
        /// How fingerprints are computed; they depend on the encoding, because text has other bytes in another one.
        var hash: Manifest.Hash { Manifest.Hash(of: catalog.identity, answers) }
    }

    func run() async throws -> RunReport {
        try await recorder.recording {
            let directory = try ArchiveDirectory.openOrCreate(archive.path, now: Date.now.formatted(.iso8601))
            return try await directory.whileLocked {
                let previous = try directory.generations().last
                previous?.removeJournal()
                let situation = try await situation(directory, previous)
                recorder.warn(situation.warnings)
                try await write(situation)
                return recorder.finish(.done)
            }
        }
    }

    // MARK: Planning

    private func situation(
        _ directory: ArchiveDirectory,
        _ previous: ArchiveDirectory.Generation?
    ) async throws -> Situation {
        try await Connection.with(source, purpose: Self.purpose) { [archive] connection in
            guard !archive.options.isStage else {
                throw PlanError(
                    .usage,
                    "a stage goes straight from the source into a target that is in use; --stage is not for archives"
                )
            }
            try OmittedNames(archive.options.omissions).refuseUnknown(on: connection)
            let catalog = archive.options.wanted(try DatabaseCatalog(of: connection))
            try Self.refuseOther(catalog.identity, than: previous, options: archive.options)
            let answers = try RowHash.Answers(of: connection)
            let planner = DumpPlan(
                catalog: catalog,
                options: archive.options.plan,
                previous: previous?.manifest,
                hash: Manifest.Hash(of: catalog.identity, answers)
            )
            let planned = try planner.tables(on: connection)
            return Situation(
                directory: directory,
                previous: previous,
                catalog: catalog,
                access: try Definitions.Access(connection),
                answers: answers,
                tables: planned.tables,
                warnings: planned.warnings
            )
        }
    }

    private static func refuseOther(
        _ identity: DatabaseIdentity,
        than previous: ArchiveDirectory.Generation?,
        options: MigrationOptions
    ) throws {
        guard
            let difference = previous?.manifest.source.difference(
                from: identity,
                acceptsOtherSystem: options.acceptsMovedSource
            )
        else { return }
        throw PlanError(
            .refused,
            "the archive is of \(difference)",
            hint: "check --source and --archive, because each database needs its own archive; "
                + "if the source was upgraded or moved with all its rows, add --source-moved: every chunk is written again"
        )
    }

    // MARK: Writing

    private func write(_ situation: Situation) async throws {
        let copied = situation.tables.filter(\.plan.treatment.copiesRows)
        guard archive.isConsistent else { return try await write(situation, in: nil) }
        try await SnapshotHolder.with(
            source,
            tables: copied.map(\.relation.rows),
            lock: .definitions,
            purpose: Self.purpose
        ) { shared, _ in try await write(situation, in: shared) }
    }

    private func write(_ situation: Situation, in shared: SharedSnapshot?) async throws {
        let writer = try GenerationWriter(
            in: situation.directory.folder(of: situation.number),
            // The chunks of an earlier client were read in a different snapshot.
            mayResume: shared == nil,
            stream: stream
        )
        if let stream, situation.number == 0 { try situation.directory.sendHeader(to: stream) }
        let began = Date.now.formatted(.iso8601)
        let (definitions, catalog) = try await recorder.phase(.definitions) {
            try await writeDefinitions(of: situation, to: writer, in: shared)
        }
        let chunks = try await recorder.phase(.rows) { try await writeRows(of: situation, to: writer, in: shared) }
        let largeObjects = try await recorder.phase(.largeObjects) {
            try await writeLargeObjects(of: situation, to: writer, in: shared)
        }
        let extensionTables = try await recorder.phase(.extensionRows) {
            try await writeExtensionRows(of: situation, to: writer, in: shared)
        }
        let sequences = situation.catalog.sequences.map(\.qualifiedName)
        let positions = try await recorder.phase(.sequences) {
            try await Connection.with(source, purpose: Self.purpose) {
                try SequenceSetter.positions(of: sequences, on: $0)
            }
        }
        let manifest = Manifest(
            archive: situation.directory.header.archive,
            generation: situation.number,
            previous: situation.previous?.sha256,
            toolVersion: Versions.tidemark,
            createdAt: began,
            source: situation.catalog.identity,
            isConsistent: shared != nil,
            omissions: archive.options.omissions.sorted { $0.record < $1.record },
            hash: situation.hash,
            definitions: definitions,
            catalog: catalog,
            sequences: sequences.compactMap { name in positions[name].map { Manifest.Sequence(name, $0) } },
            tables: situation.tables.enumerated().map { index, table in
                ArchivedTable(table.plan, table.definition, chunks: chunks[index] ?? [])
            },
            largeObjects: largeObjects.flatMap(\.objects),
            largeObjectFiles: largeObjects.compactMap(\.file),
            extensionTables: extensionTables
        )
        try writer.finish(manifest)
    }

    private func writeExtensionRows(
        of situation: Situation,
        to writer: GenerationWriter,
        in shared: SharedSnapshot?
    ) async throws -> [ArchivedExtensionTable] {
        let tables = archive.options.wanted(situation.catalog.extensionTables)
        guard !tables.isEmpty else { return [] }
        return try await Connection.with(source, purpose: Self.purpose) {
            [compression = archive.compression] connection in
            try connection.transaction(shared.map { .shared($0) } ?? .snapshot) {
                try tables.map { try ExtensionRows.dump($0, on: connection, to: writer, compression) }
            }
        }
    }

    private func writeDefinitions(
        of situation: Situation,
        to writer: GenerationWriter,
        in shared: SharedSnapshot?
    ) async throws -> (definitions: FileEntry, catalog: FileEntry) {
        let file = try writer.newFile("dump")
        let tools = try await tools(situation.catalog.identity.serverVersion.major)
        try await Definitions.write(
            of: situation.access,
            to: file.path,
            tools: tools,
            scratch: archive.options.scratchDirectory,
            excluding: situation.excluded,
            schemas: archive.options.omissions.schemas,
            snapshot: shared?.identifier,
            purpose: Self.purpose
        )
        let written = try Definitions(
            tools: tools,
            scratch: archive.options.scratchDirectory,
            options: .init(skipsOwners: false, skipsPrivileges: false, skipsTablespaces: false, skippedKinds: [])
        ) { try FileManager.default.copyItem(atPath: file.path, toPath: "\($1)/\($0)") }
        try Refusals.tablesCreatedMeanwhile(in: try await written.preDataEntries(), since: situation.catalog)
        let recorded = try await Connection.with(source, purpose: Self.purpose) { connection in
            try connection.transaction(.snapshot) {
                ArchivedCatalog(
                    catalog: situation.catalog,
                    objects: try CatalogObject.all(of: connection),
                    facts: try ReadinessFacts(of: connection),
                    requirements: try Requirements(of: connection)
                )
            }
        }
        return (try writer.adopt(file), try recorded.write(to: writer, level: archive.compression.level))
    }

    private func tools(_ major: Int) async throws -> PostgresTools {
        for newer in major..<max(major, Self.newestTools) {
            do {
                return try await PostgresTools.find(major: newer, in: archive.options.toolDirectory)
            } catch is ToolError {
                continue
            }
        }
        return try await PostgresTools.find(major: max(major, Self.newestTools), in: archive.options.toolDirectory)
    }

    /// Writes the rows and returns the chunks of each table, in the order of its ranges.
    private func writeRows(
        of situation: Situation,
        to writer: GenerationWriter,
        in shared: SharedSnapshot?
    ) async throws -> [Int: [ArchivedChunk]] {
        let work = DumpWork(situation.tables, done: writer.done)
        recorder.progress.note("\(work.count) chunks to read, \(work.resumed) already on disk")
        try await recorder.showing(chunks: work.count) {
            try await dump(work.queue { $0.isSettled == false || shared != nil }, of: situation, to: writer, in: shared)
            // Rows of different chunks may swap a value of another unique key, so the table needs a single snapshot.
            for table in situation.tables where table.isSettled && shared == nil {
                try await SnapshotHolder.with(
                    source,
                    tables: [table.relation.rows],
                    lock: .definitions,
                    purpose: Self.purpose
                ) { ofTable, _ in
                    try await dump(
                        work.queue { $0.plan.name == table.plan.name },
                        of: situation,
                        to: writer,
                        in: ofTable
                    )
                }
            }
        }
        return work.chunks
    }

    private func writeLargeObjects(
        of situation: Situation,
        to writer: GenerationWriter,
        in shared: SharedSnapshot?
    ) async throws -> [(objects: [Manifest.LargeObjectEntry], file: FileEntry?)] {
        guard !archive.options.omissions.contains(.largeObjects) else { return [] }
        let before = (situation.previous?.manifest.largeObjects ?? []).map { ($0.object.oid, $0) }
        let previous = Dictionary(keepingFirst: before)
        let (level, stop) = (archive.compression.level, archive.stop)
        let written = try await Connection.with(source, purpose: "\(Self.purpose) large objects") { connection in
            let dumper = LargeObjectDumper(connection, to: writer, level: level)
            var written: [(objects: [Manifest.LargeObjectEntry], file: FileEntry?)] = []
            for range in try LargeObjectRange.all(of: connection) where !stop.isRequested {
                try during("dumping \(range)") {
                    written.append(try connection.reading(shared) { try dumper.dump(range, since: previous) })
                }
            }
            return written
        }
        let count = written.reduce(0) { $0 + $1.objects.count { $0.file != nil } }
        recorder.progress.finishLargeObjects(copied: count, removed: 0)
        try stop.check()
        return written
    }

    private func dump(
        _ queue: DumpWork.Queue,
        of situation: Situation,
        to writer: GenerationWriter,
        in shared: SharedSnapshot?
    ) async throws {
        let (compression, stop, source) = (archive.compression, archive.stop, source)
        let identity = MarkIdentity(situation.catalog.identity)
        let hash = situation.hash.method
        let progress = recorder.progress
        let jobs = min(archive.options.jobs, queue.count)
        try await Connection.each(jobs, source, purpose: Self.purpose) { connection, _ in
            let dumper = ChunkDumper(
                connection,
                to: writer,
                identity: identity,
                hash: hash,
                compression: compression
            )
            while !stop.isRequested, let item = queue.next() {
                let table = item.table
                let chunk = try during("\(table.plan.name) \(item.range)") {
                    try connection.readingPatiently(shared) {
                        try dumper.dump(
                            table.relation,
                            item.range,
                            isImmutable: item.isImmutable,
                            since: item.previous
                        )
                    }
                }
                try writer.ship(chunk.files)
                // A settled table belongs to one snapshot: its chunks cannot be resumed one by one.
                if !table.isSettled || shared == nil {
                    try writer.enter(
                        chunk,
                        of: table.plan.name,
                        oid: table.definition.oid,
                        basis: table.basis
                    )
                }
                queue.finish(item, chunk)
                progress.addBytes(chunk.writtenBytes)
                progress.finishChunk(ChunkOutcome(chunk))
            }
        }
        try stop.check()
    }
}

extension Connection {
    /// Runs `body` in a transaction that reads a shared snapshot, or its own if there is none.
    fileprivate func reading<Result>(_ shared: SharedSnapshot?, _ body: () throws -> Result) throws -> Result {
        try transaction(shared.map { .shared($0) } ?? .snapshot, body)
    }

    /// Runs `body` as ``reading(_:_:)`` does, and repeats it while another session has locked what it reads.
    fileprivate func readingPatiently<Result>(_ shared: SharedSnapshot?, _ body: () throws -> Result) throws -> Result {
        while true {
            do {
                return try reading(shared, body)
            } catch let error as PostgresError where error.sqlState == "55P03" {
                if isStopped { throw Stopped() }
            }
        }
    }
}

extension Manifest.Hash {
    /// Creates the method by which the fingerprints of a source are computed.
    fileprivate init(of source: DatabaseIdentity, _ answers: RowHash.Answers) {
        self.init(method: source.encoding == "UTF8" ? .hashesOfColumns : .md5OfUTF8, answers: answers)
    }
}
