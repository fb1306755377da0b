/// The generations of an archive, for people and as JSON.
public struct ArchiveReport: Sendable, Codable {
    /// One generation.
    public struct Generation: Sendable, Codable {
        /// 0 is the base.
        public let generation: Int
        /// When its dump began, ISO 8601 in UTC.
        public let createdAt: String
        /// The database.
        public let database: String
        /// The server's version.
        public let serverVersion: String
        /// Whether one snapshot served all of it.
        public let isConsistent: Bool
        /// Tables with rows.
        public let tables: Int
        /// Chunks.
        public let chunks: Int
        /// Chunks that hold something new.
        public let changedChunks: Int
        /// Rows written.
        public let writtenRows: Int
        /// Rows the database has at this generation.
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
    /// The base first.
    public let generations: [Generation]

    package init(path: String, generations: [Generation]) {
        self.path = path
        self.generations = generations
    }

    /// All files together, in bytes.
    public var bytes: Int { generations.reduce(0) { $0 + $1.bytes } }

    /// The report as a JSON document.
    public func json() throws -> String { try document() }

    /// The report as a screen of text.
    public var text: String {
        guard let newest = generations.last else { return "\(path): no generation yet" }
        var table = TextTable([
            ("generation", .right), ("begun", .left), ("size", .right), ("rows", .right), ("written", .right),
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
