import Catalog
import Archive
import Planning
public import Postgres
public import Report

/// Reading an archive without a server.
extension DatabaseArchive {
    /// Returns the generations, the base first; reads and checks their manifests but not their files.
    ///
    /// - Throws: ``ArchiveError``.
    public func report() throws -> ArchiveReport {
        let generations = try ArchiveDirectory.open(path).generations().map { generation in
            let manifest = generation.manifest
            let chunks = manifest.tables.flatMap(\.chunks)
            return ArchiveReport.Generation(
                generation: manifest.generation,
                createdAt: manifest.createdAt,
                database: manifest.source.databaseName.string,
                serverVersion: "\(manifest.source.serverVersion)",
                isConsistent: manifest.isConsistent,
                tables: manifest.tables.count { !$0.chunks.isEmpty },
                chunks: chunks.count,
                changedChunks: chunks.count(where: \.isChanged),
                writtenRows: chunks.reduce(0) { $0 + $1.writtenRows },
                rows: chunks.reduce(0) { $0 + $1.rows },
                bytes: manifest.files.reduce(0) { $0 + $1.bytes }
            )
        }
        return ArchiveReport(path: path, generations: generations)
    }

    /// Reads every file and checks that it is intact: size, checksum, rows, frames, hashes.
    ///
    /// - Throws: ``ArchiveError`` that names the first damaged file; ``Stopped``.
    public func check() async throws {
        let directory = try ArchiveDirectory.open(path)
        let generations = try directory.generations()
        let (stop, jobs) = (stop, max(1, options.jobs))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for first in 0..<jobs {
                group.addTask {
                    for index in stride(from: first, to: generations.count, by: jobs) where !stop.isRequested {
                        try ArchiveDirectory.check(generations[index])
                    }
                }
            }
            try await group.waitForAll()
        }
        // After a stop some files were not read, so the archive must not be reported as intact.
        try stop.check()
    }

    /// Reads a table as COPY text, row by row; holds one row in memory.
    ///
    /// - Parameters:
    ///   - table: The table to read.
    ///   - generation: The generation to read; nil means the newest.
    ///   - body: Receives a row with its newline, valid only during the call.
    /// - Returns: The columns, in the order of the fields.
    /// - Throws: ``ArchiveError``, and what `body` throws.
    @discardableResult
    public func read(
        _ table: QualifiedName,
        at generation: Int? = nil,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> [ServerText] {
        try read(table, at: generation) { try $0.read(body) }
    }

    /// Reads a table as COPY text, in pieces that may begin and end within a row.
    ///
    /// - Parameters:
    ///   - table: The table to read.
    ///   - generation: The generation to read; nil means the newest.
    ///   - body: Receives a piece, valid only during the call.
    /// - Returns: The columns, in the order of the fields.
    /// - Throws: ``ArchiveError``, and what `body` throws.
    @discardableResult
    public func stream(
        _ table: QualifiedName,
        at generation: Int? = nil,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> [ServerText] {
        try read(table, at: generation) { try $0.readPieces { piece, _ in try body(piece) } }
    }

    private func read(_ table: QualifiedName, at generation: Int?, _ chunk: (ChunkRows) throws -> Void) throws
        -> [ServerText]
    {
        let generations = try ArchiveDirectory.open(path).generations(upTo: generation)
        guard let archived = generations.last?.manifest.table(table) else {
            throw ArchiveError(.refused, at: path, "has no table \(table)", hint: "write it as schema.table")
        }
        for range in archived.chunks.map(\.range) { try chunk(ChunkRows(generations, of: archived, range)) }
        return archived.columns
    }
}
