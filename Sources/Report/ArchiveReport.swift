/// The generations of an archive, for people and as JSON.
public struct ArchiveReport: Sendable, Codable {
    /// One generation.
    public struct Generation: Sendable, Codable {
        /// Its number; 0 is the base.
        public let generation: Int
        /// When its dump started, ISO 8601 in UTC.
        public let createdAt: String
        /// The name of the dumped database.
        public let database: String
        /// The version of the dumped server.
        public let serverVersion: String
        /// Whether all of it was read in one snapshot.
        public let isConsistent: Bool
        /// The number of tables with rows.
        public let tables: Int
        /// The number of chunks.
        public let chunks: Int
        /// The number of chunks that changed since the generation before.
        public let changedChunks: Int
        /// The number of rows written to this generation.
        public let writtenRows: Int
        /// The number of rows the database has at this generation.
        public let rows: Int
        /// Bytes on disk.
        public let bytes: Int

        package init(
            generation: Int,
            createdAt: String,
            database: String,
            serverVersion: String,
            isConsistent: Bool,
            tables: Int,
            chunks: Int,
            changedChunks: Int,
            writtenRows: Int,
            rows: Int,
            bytes: Int
        ) {
            self.generation = generation
            self.createdAt = createdAt
            self.database = database
            self.serverVersion = serverVersion
            self.isConsistent = isConsistent
            self.tables = tables
            self.chunks = chunks
            self.changedChunks = changedChunks
            self.writtenRows = writtenRows
            self.rows = rows
            self.bytes = bytes
        }
    }

    /// The archive's folder.
    public let path: String
    /// The generations, the base first.
    public let generations: [Generation]

    package init(path: String, generations: [Generation]) {
        self.path = path
        self.generations = generations
    }

    /// The size of all files together, in bytes.
    public var bytes: Int { generations.reduce(0) { $0 + $1.bytes } }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }

    /// The report as a screen of text.
    public var text: String {
        guard let newest = generations.last else { return "\(path): no generation yet" }
        var table = TextTable([
            ("generation", .right), ("started", .left), ("size", .right), ("rows", .right), ("written", .right),
            ("chunks changed", .right), ("one snapshot", .left),
        ])
        for generation in generations {
            table.append(
                String(generation.generation),
                generation.createdAt,
                Quantity.bytes(generation.bytes),
                Quantity.count(generation.rows),
                Quantity.count(generation.writtenRows),
                "\(generation.changedChunks) of \(generation.chunks)",
                generation.isConsistent ? "yes" : "no"
            )
        }
        let head = "\(path): database \(newest.database), PostgreSQL \(newest.serverVersion), \(Quantity.bytes(bytes))"
        return ([head, ""] + table.lines).joined(separator: "\n")
    }
}
