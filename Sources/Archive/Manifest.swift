package import Catalog
package import Planning
package import Postgres

/// The content of an archive's generation (docs/ARCHIVE_FORMAT.md).
package struct Manifest: Sendable, Codable {
    package static let formatVersion = 1
    /// The longest line with a page of a large object: two characters for each byte of a mebibyte, oid and number.
    package static let longestPage = (2 << 20) + 1024

    /// How the fingerprints were computed.
    package struct Hash: Sendable, Codable, Hashable {
        package let method: RowHash
        /// The source server's hashes of certain values: a server whose answers differ cannot reproduce these
        /// fingerprints.
        package let answers: RowHash.Answers

        package init(method: RowHash, answers: RowHash.Answers) {
            self.method = method
            self.answers = answers
        }
    }

    /// A large object, and the file with its content if that is new or changed.
    package struct LargeObjectEntry: Sendable, Codable, Hashable {
        package let object: LargeObject
        package let bytes: Int
        /// md5 of the md5 sums of its pages of a mebibyte, the last of which is shorter, possibly empty.
        package let hash: String
        /// The file of this generation that contains it; nil if it did not change.
        package let file: String?

        package init(object: LargeObject, bytes: Int, hash: String, file: String?) {
            self.object = object
            self.bytes = bytes
            self.hash = hash
            self.file = file
        }
    }

    /// The generation that a merge folded into a base.
    package struct Origin: Sendable, Codable, Hashable {
        package let archive: String
        package let generation: Int
        /// SHA-256 of its manifest.
        package let manifest: String

        package init(_ generation: ArchiveDirectory.Generation) {
            archive = generation.manifest.archive
            self.generation = generation.manifest.generation
            manifest = generation.sha256
        }
    }

    /// The position of a sequence.
    package struct Sequence: Sendable, Codable, Hashable {
        package let schema: ServerText
        package let name: ServerText
        package let lastValue: Int
        package let isCalled: Bool

        package init(_ name: QualifiedName, _ position: SequencePosition) {
            schema = name.schema
            self.name = name.name
            lastValue = position.lastValue
            isCalled = position.isCalled
        }

        package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
        package var position: SequencePosition { SequencePosition(lastValue: lastValue, isCalled: isCalled) }
    }

    package let format: Int
    package let archive: String
    package let generation: Int
    package let previous: String?
    package let toolVersion: String
    package let createdAt: String
    package let source: DatabaseIdentity
    package let isConsistent: Bool
    package let omissions: [Omission]
    package let hash: Hash
    package let definitions: FileEntry
    package let catalog: FileEntry
    package let sequences: [Sequence]
    package let tables: [ArchivedTable]
    package let largeObjects: [LargeObjectEntry]
    package let largeObjectFiles: [FileEntry]
    /// The database's own rows in extensions' tables; nil in older archives.
    package let extensionTables: [ArchivedExtensionTable]?
    /// Where a merged base comes from; nil if a dump wrote it.
    package let mergedFrom: Origin?

    package init(
        archive: String,
        generation: Int,
        previous: String?,
        toolVersion: String,
        createdAt: String,
        source: DatabaseIdentity,
        isConsistent: Bool,
        omissions: [Omission],
        hash: Hash,
        definitions: FileEntry,
        catalog: FileEntry,
        sequences: [Sequence],
        tables: [ArchivedTable],
        largeObjects: [LargeObjectEntry],
        largeObjectFiles: [FileEntry],
        extensionTables: [ArchivedExtensionTable]?,
        mergedFrom: Origin? = nil
    ) {
        self.mergedFrom = mergedFrom
        self.extensionTables = extensionTables
        format = Self.formatVersion
        self.archive = archive
        self.generation = generation
        self.previous = previous
        self.toolVersion = toolVersion
        self.createdAt = createdAt
        self.source = source
        self.isConsistent = isConsistent
        self.omissions = omissions
        self.hash = hash
        self.definitions = definitions
        self.catalog = catalog
        self.sequences = sequences
        self.tables = tables
        self.largeObjects = largeObjects
        self.largeObjectFiles = largeObjectFiles
    }

    /// Every file, each once.
    package var files: [FileEntry] {
        [definitions, catalog] + largeObjectFiles + (extensionTables ?? []).flatMap(\.written)
            + tables.flatMap(\.chunks).flatMap { $0.files }
    }

    package func table(_ name: QualifiedName) -> ArchivedTable? { tables.first { $0.qualifiedName == name } }
}

/// A table of a generation.
package struct ArchivedTable: RowMeaning, Sendable, Codable {
    package let schema: ServerText
    package let name: ServerText
    package let oid: UInt32
    package let treatment: Treatment
    /// The columns in the files of rows, in order.
    package let columns: [ServerText]
    package let key: Key?
    package let hasOtherUniqueKeys: Bool
    package let rowFilter: String?
    package let columnsDigest: String
    package let partitionsDigest: String?
    package let typeParts: [ServerText]?
    package let tableBytes: Int
    package var chunks: [ArchivedChunk]

    package init(_ plan: TablePlan, _ definition: Table, chunks: [ArchivedChunk]) {
        schema = plan.name.schema
        name = plan.name.name
        oid = definition.oid
        treatment = plan.treatment
        columns = definition.copiedColumns.map(\.name)
        key = plan.key
        hasOtherUniqueKeys = plan.hasOtherUniqueKeys
        rowFilter = plan.filter
        columnsDigest = definition.columnsDigest
        partitionsDigest = definition.partitionsDigest
        typeParts = definition.typeParts
        tableBytes = plan.tableBytes
        self.chunks = chunks
    }

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
}

/// A chunk of a generation.
package struct ArchivedChunk: Sendable, Codable {
    /// What is hashed of a row.
    package enum Hashed: String, Sendable, Codable {
        /// Its line of COPY text, hashed by the client (``LineSum``).
        case line
        /// Its values, hashed by the server with the manifest's ``Manifest/hash``.
        case values
    }

    package let range: KeyRange
    package let mark: Mark
    package let isImmutable: Bool
    /// The number of rows it has now.
    package let rows: Int
    /// The sum of its rows' hashes.
    package let fingerprint: String
    package let fingerprintOf: Hashed
    /// Whether all its rows are in this generation and none are kept from earlier ones.
    package let isReplaced: Bool
    /// The keys of the rows that are kept; nil: all of them.
    package let keep: FileEntry?
    /// The new rows, in one file or several.
    package let written: [FileEntry]

    package init(
        range: KeyRange,
        mark: Mark,
        isImmutable: Bool,
        rows: Int,
        fingerprint: String,
        of fingerprintOf: Hashed,
        isReplaced: Bool,
        keep: FileEntry?,
        written: [FileEntry]
    ) {
        self.range = range
        self.mark = mark
        self.isImmutable = isImmutable
        self.rows = rows
        self.fingerprint = fingerprint
        self.fingerprintOf = fingerprintOf
        self.isReplaced = isReplaced
        self.keep = keep
        self.written = written
    }

    /// The same chunk with all its rows in the given files.
    package func asBase(_ files: [FileEntry]) -> ArchivedChunk {
        ArchivedChunk(
            range: range,
            mark: mark,
            isImmutable: isImmutable,
            rows: rows,
            fingerprint: fingerprint,
            of: fingerprintOf,
            isReplaced: true,
            keep: nil,
            written: files
        )
    }

    /// All its files.
    package var files: [FileEntry] { (keep.map { [$0] } ?? []) + written }
    package var writtenRows: Int { written.reduce(0) { $0 + $1.rows } }
    package var writtenBytes: Int { written.reduce(0) { $0 + $1.contentBytes } }
    /// Whether any row was added or removed.
    package var isChanged: Bool { isReplaced || !files.isEmpty }
}

/// A file of a generation.
package struct FileEntry: Sendable, Codable, Hashable {
    package let name: String
    /// Size on disk.
    package let bytes: Int
    /// SHA-256 of the file on disk, in hexadecimal.
    package let sha256: String
    /// Size when decompressed.
    package let contentBytes: Int
    /// Number of lines.
    package let rows: Int
    package let frames: Int

    package init(name: String, bytes: Int, sha256: String, contentBytes: Int, rows: Int, frames: Int) {
        self.name = name
        self.bytes = bytes
        self.sha256 = sha256
        self.contentBytes = contentBytes
        self.rows = rows
        self.frames = frames
    }
}
