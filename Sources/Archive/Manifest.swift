package import Catalog
package import Ledger
package import Planning
package import Postgres

/// What a generation of an archive holds (docs/ARCHIVE_FORMAT.md).
package struct Manifest: Sendable, Codable {
    package static let formatVersion = 1
    /// A line with a page of a large object: two characters for each byte of a mebibyte, its oid and its number.
    package static let longestPage = (2 << 20) + 1024

    /// How the fingerprints were made.
    package struct Hash: Sendable, Codable, Hashable {
        package let method: RowHash
        /// What the source's server makes of certain values: another one whose answers differ cannot make these
        /// fingerprints.
        package let answers: RowHash.Answers

        package init(method: RowHash, answers: RowHash.Answers) {
            self.method = method
            self.answers = answers
        }
    }

    /// A large object, and where its content was written if it is new or another one.
    package struct LargeObjectEntry: Sendable, Codable, Hashable {
        package let object: LargeObject
        package let bytes: Int
        /// md5 of the md5 of its pages of a mebibyte, the last of which is shorter, perhaps empty.
        package let hash: String
        /// The file of this generation that holds it.
        package let file: String?

        package init(object: LargeObject, bytes: Int, hash: String, file: String?) {
            self.object = object
            self.bytes = bytes
            self.hash = hash
            self.file = file
        }
    }

    /// The generation that a merge has folded into a base.
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

    /// Where a sequence stood.
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
    /// Rows of extensions' tables that are the database's own; nil in archives of before.
    package let extensionTables: [ArchivedExtensionTable]?
    /// Of a base that a merge has made; nil: a dump has.
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
    /// In the order of the files of rows.
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
        /// Its line of COPY text, by whoever reads it (``LineSum``).
        case line
        /// Its values, by the server: the manifest's ``Manifest/hash``.
        case values
    }

    package let range: KeyRange
    package let mark: Mark
    package let isImmutable: Bool
    /// How many rows it holds now.
    package let rows: Int
    /// The sum of its rows' hashes.
    package let fingerprint: String
    package let fingerprintOf: Hashed
    /// Nothing of what it was is left.
    package let isReplaced: Bool
    /// The keys of the rows that stay; nil: all of them do.
    package let keep: FileEntry?
    /// The rows that come, in one file or several.
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

    /// The same rows, all of them in one file.
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

    /// Every file of it.
    package var files: [FileEntry] { (keep.map { [$0] } ?? []) + written }
    package var writtenRows: Int { written.reduce(0) { $0 + $1.rows } }
    package var writtenBytes: Int { written.reduce(0) { $0 + $1.contentBytes } }
    /// Whether anything came or went.
    package var isChanged: Bool { isReplaced || !files.isEmpty }
}

/// A file of a generation.
package struct FileEntry: Sendable, Codable, Hashable {
    package let name: String
    /// On disk.
    package let bytes: Int
    /// Of the file as it is on disk, in hexadecimal.
    package let sha256: String
    /// Decompressed.
    package let contentBytes: Int
    /// Lines.
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
