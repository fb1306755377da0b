import Archive
import Planning
public import Postgres
public import Report

/// What an archive tells without a server.
extension DatabaseArchive {
    /// The generations, the base first; their manifests are read and checked, their files are not.
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

    /// Reads every file and sees that each is what was written: sizes, checksums, rows, frames, hashes.
    ///
    /// - Throws: ``ArchiveError`` at the first that is not, naming it; ``Stopped``.
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
        // What was not read cannot be called whole.
        try stop.check()
    }

    /// Hands over a table as COPY text, row by row; the longest row is held in memory.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - generation: The generation wanted; nil: the newest.
    ///   - body: Takes a row with its newline, valid only during the call.
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

    /// Hands over a table as COPY text, in pieces that may begin and end within a row.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - generation: The generation wanted; nil: the newest.
    ///   - body: Takes a piece, valid only during the call.
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
            throw ArchiveError(.refused, path, "has no table \(table)", hint: "write it as schema.table")
        }
        for range in archived.chunks.map(\.range) { try chunk(ChunkRows(generations, of: archived, range)) }
        return archived.columns
    }
}
