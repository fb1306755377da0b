import Archive
import Catalog
import Postgres
import Transfer
import Verification

extension Session {
    /// Copies the rows of extensions' tables as they are in a snapshot of the source.
    func copyExtensionRows(_ lanes: LanePool, in shared: SharedSnapshot) async throws {
        let tables = context.options.wanted(source.extensionTables)
        guard !tables.isEmpty else { return }
        _ = try await lanes.withOne { [epoch] lane in
            try lane.reading(in: shared) {
                let wanted = try tables.map { try ExtensionContents($0, on: lane.source) }
                return try ExtensionRows.replace(wanted, on: lane.target, epoch: epoch) { table, copyIn in
                    try lane.source.relay(try table.copyOut(), to: lane.target, copyIn, progress: { _ in }).rows
                }
            }
        }
    }

    /// Restores the rows of extensions' tables from a generation of an archive.
    func copyExtensionRows(of generation: ArchiveDirectory.Generation) async throws {
        let archived = generation.manifest.extensionTables ?? []
        let wanted = Set(context.options.wanted(archived.map(\.table)).map(\.qualifiedName))
        let tables = archived.filter { wanted.contains($0.table.qualifiedName) }
        guard !tables.isEmpty else { return }
        let byName = Dictionary(keepingFirst: tables.map { ($0.table.qualifiedName, $0) })
        let purpose = purpose("extension rows")
        _ = try await Connection.with(context.target, purpose: purpose) { [epoch] connection in
            try ExtensionRows.replace(tables.map(\.contents), on: connection, epoch: epoch) { table, copyIn in
                try connection.load(copyIn) { put in
                    try byName[table.qualifiedName]?.readPieces(in: generation.folder) { piece, _ in try put(piece)
                    }
                }
            }
        }
    }
}

extension ExtensionRowsComparison {
    /// Reads the contents of extensions' tables.
    ///
    /// - Parameters:
    ///   - tables: The tables; those that do not exist are skipped.
    ///   - connection: A connection with an open snapshot.
    /// - Returns: Their contents, and the reasons why some could not be read.
    /// - Throws: ``PostgresError``.
    static func contents(
        of tables: [QualifiedName],
        on connection: Connection
    ) throws -> (contents: [ExtensionContents], unreadable: [String]) {
        let wanted = Set(tables)
        let there = try ExtensionTable.all(of: connection).filter { wanted.contains($0.qualifiedName) }
        let side = connection.endpoint.side.rawValue
        var unreadable = there.filter { !$0.isReadable }.map {
            "the \(side)'s role may not read all rows of \($0.qualifiedName) (extension \($0.extension.visible))"
        }
        var contents: [ExtensionContents] = []
        for table in there where table.isReadable {
            // The connection may be the one that holds the snapshot: an error must not abort its transaction.
            try connection.execute("SAVEPOINT extension_rows")
            do {
                contents.append(try ExtensionContents(table, on: connection))
                try connection.execute("RELEASE SAVEPOINT extension_rows")
            } catch let error as PostgresError where error.isRefusal {
                try connection.execute("ROLLBACK TO SAVEPOINT extension_rows")
                unreadable.append("the \(side)'s rows of \(table.qualifiedName) could not be read: \(error)")
            }
        }
        return (contents, unreadable)
    }
}
