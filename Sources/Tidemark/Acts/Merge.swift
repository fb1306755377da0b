import Catalog
import Archive
import FoundationEssentials
import Postgres
import Report
import Transfer

/// Merges a base and its deltas into a new archive of one generation, without a server.
struct Merge {
    private let archive: ArchiveContext
    private let destination: String
    private let until: Int?
    private let recorder: RunRecorder

    init(_ archive: ArchiveContext, into destination: String, until: Int?) {
        self.archive = archive
        self.destination = destination
        self.until = until
        recorder = RunRecorder(
            "merge",
            source: archive.path,
            target: destination,
            on: [],
            stop: archive.stop,
            observer: archive.observer
        )
    }

    private struct Item: Sendable {
        let table: Int
        let chunk: Int
    }

    func run() async throws -> RunReport {
        try await recorder.recording {
            let wanted = try WantedGeneration(archive.path, until: until)
            let directory = try ArchiveDirectory.openOrCreate(destination, now: Date.now.formatted(.iso8601))
            return try await directory.whileLocked {
                let there = try directory.generations()
                if let base = there.last, there.count == 1, base.manifest.mergedFrom == Manifest.Origin(wanted.last) {
                    // An earlier call has written this base, but was killed before it ended.
                    base.removeJournal()
                    recorder.progress.note("this generation was already merged into it")
                    return recorder.finish(.done)
                }
                guard there.isEmpty else {
                    throw ArchiveError(
                        .refused,
                        at: destination,
                        "already has a base",
                        hint: "give a folder that does not exist yet; the merged archive is not changed"
                    )
                }
                let writer = try GenerationWriter(in: directory.folder(of: 0), mayResume: false)
                let manifest = try await merged(wanted, into: directory, with: writer)
                try writer.finish(manifest)
                return recorder.finish(.done)
            }
        }
    }

    private func merged(
        _ wanted: WantedGeneration,
        into directory: ArchiveDirectory,
        with writer: GenerationWriter
    ) async throws -> Manifest {
        let definitions = try wanted.last.copyDefinitions(to: writer.newFile("dump"))
        let catalog = try wanted.recorded.write(to: writer, level: archive.compression.level)
        let tables = try await recorder.phase(.rows) { try await mergeRows(wanted, writer) }
        let (objects, files) = try await recorder.phase(.largeObjects) { try mergeLargeObjects(wanted, writer) }
        let manifest = wanted.manifest
        return Manifest(
            archive: directory.header.archive,
            generation: 0,
            previous: nil,
            toolVersion: Versions.tidemark,
            createdAt: manifest.createdAt,
            source: manifest.source,
            isConsistent: manifest.isConsistent,
            omissions: manifest.omissions,
            hash: manifest.hash,
            definitions: definitions,
            catalog: catalog,
            sequences: manifest.sequences,
            tables: tables,
            largeObjects: objects,
            largeObjectFiles: files,
            extensionTables: try mergeExtensionRows(wanted, writer),
            mergedFrom: Manifest.Origin(wanted.last)
        )
    }

    private func mergeRows(_ wanted: WantedGeneration, _ writer: GenerationWriter) async throws -> [ArchivedTable] {
        let tables = wanted.manifest.tables
        let items = tables.indices.flatMap { table in
            tables[table].chunks.indices.map { Item(table: table, chunk: $0) }
        }
        let jobs = max(1, archive.options.jobs)
        let (compression, stop, progress) = (archive.compression, archive.stop, recorder.progress)
        let generations = wanted.generations
        var merged = tables
        try await withThrowingTaskGroup(of: [(Item, ArchivedChunk)].self) { group in
            for first in 0..<jobs {
                group.addTask {
                    var chunks: [(Item, ArchivedChunk)] = []
                    for index in stride(from: first, to: items.count, by: jobs) where !stop.isRequested {
                        let item = items[index]
                        let table = tables[item.table]
                        let chunk = table.chunks[item.chunk]
                        let frames = try FrameWriter(compression) { try writer.newFile("zst") }
                        try ChunkRows(generations, of: table, chunk.range).readPieces {
                            try frames.append($0, endsRow: $1)
                        }
                        let written = try frames.finish()
                        let rows = written.reduce(0) { $0 + $1.rows }
                        guard rows == chunk.rows else {
                            throw ArchiveError(
                                .damaged,
                                at: archive.path,
                                "\(table.qualifiedName) \(chunk.range) has \(rows) rows, but the manifest records \(chunk.rows)"
                            )
                        }
                        progress.addBytes(written.reduce(0) { $0 + $1.contentBytes })
                        chunks.append((item, chunk.asBase(written)))
                    }
                    return chunks
                }
            }
            for try await chunks in group {
                for (item, chunk) in chunks { merged[item.table].chunks[item.chunk] = chunk }
            }
        }
        try stop.check()
        return merged
    }

    /// Copies the extensions' rows from the last generation, because each generation has all of them.
    private func mergeExtensionRows(
        _ wanted: WantedGeneration,
        _ writer: GenerationWriter
    ) throws -> [ArchivedExtensionTable]? {
        try wanted.manifest.extensionTables?.map { archived in
            let frames = try FrameWriter(archive.compression) { try writer.newFile("zst") }
            try archived.readPieces(in: wanted.last.folder) { try frames.append($0, endsRow: $1) }
            return ArchivedExtensionTable(archived.contents, written: try frames.finish())
        }
    }

    /// Copies each large object from the newest file that holds it.
    private func mergeLargeObjects(_ wanted: WantedGeneration, _ writer: GenerationWriter) throws -> (
        [Manifest.LargeObjectEntry], [FileEntry]
    ) {
        var left = Set(wanted.manifest.largeObjects.map(\.object.oid))
        var places: [UInt32: String] = [:]
        var files: [FileEntry] = []
        for generation in wanted.generations.reversed() where !left.isEmpty {
            let held = generation.manifest.largeObjects.filter { $0.file != nil && left.contains($0.object.oid) }
            for file in generation.manifest.largeObjectFiles {
                let oids = held.filter { $0.file == file.name }.map(\.object.oid)
                let names = Set(oids.map { Array("\($0)".utf8) })
                let frames = try FrameWriter(Compression(level: archive.compression.level)) {
                    try writer.newFile("zst")
                }
                try FrameReader(file, in: generation.folder).readRows(longest: Manifest.longestPage) { row in
                    if names.contains(Array(row.prefix { $0 != UInt8(ascii: "\t") })) { try frames.append(row) }
                }
                guard let written = try frames.finish().first else { continue }
                files.append(written)
                for oid in oids { places[oid] = written.name }
                left.subtract(oids)
            }
        }
        guard left.isEmpty else {
            throw ArchiveError(
                .damaged,
                at: archive.path,
                "no file holds the content of large object \(left.min() ?? 0)"
            )
        }
        let objects = wanted.manifest.largeObjects.map { entry in
            Manifest.LargeObjectEntry(
                object: entry.object,
                bytes: entry.bytes,
                hash: entry.hash,
                file: places[entry.object.oid]
            )
        }
        return (objects, files)
    }
}
