import Archive
import Catalog
import Planning
import Postgres
import Rebuild

/// A generation to restore, with all earlier generations it depends on.
struct WantedGeneration: Sendable {
    /// The archive's folder.
    let path: String
    let generations: [ArchiveDirectory.Generation]
    let last: ArchiveDirectory.Generation
    let recorded: ArchivedCatalog

    /// Reads the manifests and the catalog.
    ///
    /// - Parameters:
    ///   - path: The archive's folder.
    ///   - until: The generation; nil means the newest.
    /// - Throws: ``ArchiveError``.
    init(_ path: String, until: Int?) throws {
        self.path = path
        generations = try ArchiveDirectory.open(path).generations(upTo: until)
        guard let last = generations.last else {
            throw ArchiveError(
                .refused,
                at: path,
                "has no generation yet: its first dump was not finished",
                hint: "run again: tidemark dump"
            )
        }
        self.last = last
        recorded = try ArchivedCatalog(of: last)
    }

    var manifest: Manifest { last.manifest }

    /// What the generation holds.
    ///
    /// - Parameter omissions: The kinds of objects that are left out.
    /// - Returns: The scope of a comparison with it.
    func scope(omitting omissions: Set<Omission>) -> Scope {
        Scope(
            excluding: Set(manifest.tables.filter { !$0.treatment.isOnTarget }.map(\.qualifiedName)),
            omitting: omissions
        )
    }

    /// Returns the plan that the ledger records for the generation.
    ///
    /// - Parameter target: The identity of the database it is restored to.
    /// - Returns: How each table is treated and cut.
    func plan(for target: DatabaseIdentity) -> Plan {
        Plan(
            tables: manifest.tables.compactMap { table in
                recorded.catalog.table(table.qualifiedName).map {
                    TablePlan(table, $0, from: manifest.source.encoding, to: target.encoding)
                }
            },
            warnings: []
        )
    }

    /// Returns the generation's definitions, read with the tools of the target's version.
    func definitions(_ tools: PostgresTools, _ options: MigrationOptions) throws -> Definitions {
        try Definitions(
            tools: tools,
            scratch: options.scratchDirectory,
            options: Definitions.Options(options),
            copy: { name, folder in try last.copyDefinitions(to: NewFile(name, in: folder)) }
        )
    }
}

extension TablePlan {
    /// Creates the plan of a table from its entry in a generation.
    fileprivate init(_ table: ArchivedTable, _ definition: Table, from encoding: String, to targetEncoding: String) {
        self.init(
            name: table.qualifiedName,
            isPartitioned: definition.isPartitioned,
            treatment: table.treatment,
            reason: "as archived",
            key: table.key?.carried(definition, from: encoding, to: targetEncoding),
            format: .text,
            estimatedRows: definition.estimatedRows,
            tableBytes: table.tableBytes,
            hasOtherUniqueKeys: table.hasOtherUniqueKeys,
            ranges: table.chunks.map(\.range),
            filter: table.rowFilter,
            immutableRanges: table.chunks.prefix(while: \.isImmutable).count,
            wantedChunks: table.chunks.count
        )
    }
}
