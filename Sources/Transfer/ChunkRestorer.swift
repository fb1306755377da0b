package import Archive
package import Ledger
import Planning
package import Postgres

/// Advances a chunk on the target from one generation of an archive to the next, in the open transaction.
///
/// Rows are sent as they are read; the transaction commits only after their file has been verified.
package struct ChunkRestorer {
    private let target: Connection
    private let own: OwnRows
    private let relation: RelationEntry
    private let columns: SQL
    private let folder: String

    /// - Parameters:
    ///   - ledger: The ledger, on a connection to the target with an open transaction.
    ///   - relation: The table.
    ///   - columns: The columns in the files of rows, in order.
    ///   - folder: The generation's folder.
    package init(_ ledger: Ledger, _ relation: RelationEntry, columns: [ServerText], folder: String) {
        own = OwnRows(ledger)
        target = ledger.connection
        self.relation = relation
        self.columns = columns.map { Identifier($0) }.commaSeparated
        self.folder = folder
    }

    /// Deletes the rows of a chunk that the generation no longer has.
    ///
    /// - Parameters:
    ///   - chunk: The chunk's entry in the generation.
    ///   - held: The number of its rows on the target.
    /// - Returns: The number of its rows on the target afterwards.
    /// - Throws: ``PostgresError``, ``ArchiveError``; ``LedgerError`` if others have written one of them.
    package func shed(_ chunk: ArchivedChunk, held: Int) throws -> Int {
        if chunk.isReplaced {
            guard held > 0 else { return 0 }
            _ = try own.delete(
                "DELETE FROM \(relation.rows) AS t WHERE \(inRange(chunk))",
                of: relation.name
            )
            return 0
        }
        guard let keep = chunk.keep, let key = relation.key else { return held }
        let gone = try KeyList("tidemark_keep", of: relation, key, on: target, deleting: own) { try load(keep, $0) }
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

    /// Loads the rows that the generation adds.
    ///
    /// - Parameters:
    ///   - chunk: The chunk's entry in the generation.
    ///   - held: The number of its rows on the target.
    ///   - progress: Called with the bytes of each piece.
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
