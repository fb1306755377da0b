package import Archive
package import Ledger
import Planning
package import Postgres

/// Brings a chunk on the target from one generation of an archive to the next, in the transaction that is open.
///
/// Rows are sent as they are read; it is the transaction's end that waits until a file has proven to be what was
/// written.
package struct ChunkRestorer {
    private let target: Connection
    private let relation: RelationEntry
    private let columns: SQL
    private let folder: String

    /// - Parameters:
    ///   - target: A connection to the target, with an open transaction.
    ///   - relation: The table.
    ///   - columns: What the files of rows hold, in order.
    ///   - folder: The generation's folder.
    package init(_ target: Connection, _ relation: RelationEntry, columns: [ServerText], folder: String) {
        self.target = target
        self.relation = relation
        self.columns = columns.map { Identifier($0) }.commaSeparated
        self.folder = folder
    }

    /// Takes out of the target what the generation has no more of a chunk.
    ///
    /// - Parameters:
    ///   - chunk: The chunk as the generation has it.
    ///   - held: How many rows of it the target holds.
    /// - Returns: How many it holds now.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func shed(_ chunk: ArchivedChunk, held: Int) throws -> Int {
        if chunk.isReplaced {
            guard held > 0 else { return 0 }
            try target.execute("DELETE FROM \(relation.rows) WHERE \(inRange(chunk))")
            return 0
        }
        guard let keep = chunk.keep, let key = relation.key else { return held }
        let gone = try KeyList("tidemark_keep", of: relation, key, on: target) { try load(keep, $0) }
            .deleteOthers(where: inRange(chunk))
        guard held - gone == keep.rows else {
            throw PostgresError(
                .copyFailed,
                "\(relation.name) \(chunk.range) has \(held - gone) of the \(keep.rows) rows to keep: the target was changed by others",
                hint: "restore into an empty database"
            )
        }
        return keep.rows
    }

    /// Loads what the generation has more.
    ///
    /// - Parameters:
    ///   - chunk: The chunk as the generation has it.
    ///   - held: How many rows of it the target holds.
    ///   - progress: Told the bytes of each piece.
    /// - Returns: What was loaded.
    /// - Throws: ``PostgresError``, ``ArchiveError``.
    package func load(_ chunk: ArchivedChunk, held: Int, progress: (Int) -> Void) throws -> CopyCount {
        var loaded = CopyCount.zero
        for written in chunk.written {
            let list: SQL = columns.text.isEmpty ? "" : " (\(columns))"
            try load(written, "COPY \(relation.name)\(list) FROM STDIN \(CopyFormat.text.clause)", progress)
            loaded = CopyCount(rows: loaded.rows + written.rows, bytes: loaded.bytes + written.contentBytes)
        }
        guard held + loaded.rows == chunk.rows else {
            throw PostgresError(
                .copyFailed,
                "\(relation.name) \(chunk.range) would have \(held + loaded.rows) rows, but the generation has \(chunk.rows)",
                hint: "the target was changed by others; restore into an empty database"
            )
        }
        return loaded
    }

    private func inRange(_ chunk: ArchivedChunk) -> SQL { relation.key.map(chunk.range.condition(on:)) ?? "true" }

    private func load(_ file: FileEntry, _ copyIn: SQL, _ progress: (Int) -> Void = { _ in }) throws {
        let reader = try FrameReader(file, in: folder)
        let rows = try target.load(copyIn) { put in
            try reader.read { piece in
                progress(piece.count)
                try put(piece)
            }
        }
        guard rows == file.rows else {
            throw PostgresError(
                .copyFailed,
                "\(folder)/\(file.name) has \(file.rows) rows, but the target took \(rows)",
                hint: "a trigger or rule on the target table swallows rows; it must not exist while data is loaded"
            )
        }
    }
}
