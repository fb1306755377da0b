import FoundationEssentials
package import Ledger
import Postgres

/// The audit trail of a run: what was done on the target, when, how long it took and how it ended.
public struct RunTrail: Sendable, Codable {
    /// One thing that was done.
    public struct Entry: Sendable, Codable {
        /// When it was done, ISO 8601 in UTC.
        public let at: String
        /// The number of the client that did it; each call that takes over the run has a new one.
        public let client: Int
        /// The pass over the rows.
        public let pass: Int
        /// What was done, such as `base`, `delta`, `build` or `ended`.
        public let kind: String
        /// The table, if it was one.
        public let table: String?
        /// The chunk of the table.
        public let chunk: Int?
        /// The statement, the command, or the reason.
        public let subject: String?
        /// The rows that were written.
        public let rows: Int?
        /// The bytes that were copied.
        public let bytes: Int?
        /// How long it took, in seconds.
        public let seconds: Double?
    }

    /// The entries, oldest first.
    public let entries: [Entry]
    private let times: [Double]

    private enum CodingKeys: String, CodingKey { case entries }

    package init(_ trail: [TrailEntry]) {
        times = trail.map(\.time)
        entries = trail.map { entry in
            Entry(
                at: entry.at,
                client: RunEntry.client(ofEpoch: entry.epoch),
                pass: entry.pass,
                kind: entry.kind,
                table: entry.schemaName.flatMap { schema in
                    entry.tableName.map { QualifiedName(schema: schema, name: $0).description }
                },
                chunk: entry.chunkNumber,
                subject: entry.subject?.string,
                rows: entry.rows,
                bytes: entry.bytes,
                seconds: entry.milliseconds.map { Double($0) / 1000 }
            )
        }
    }

    /// Reads a trail from a JSON document; times are then shown in UTC.
    public init(from decoder: any Decoder) throws {
        entries = try decoder.container(keyedBy: CodingKeys.self).decode([Entry].self, forKey: .entries)
        times = []
    }

    /// The trail as a JSON document.
    public func json() throws -> String { try document() }

    /// The trail as lines of text: local time, client, what was done, how much and how long.
    public var text: String {
        zip(times, entries).map { time, entry in
            var parts = [LocalTime.dated(Date(timeIntervalSince1970: time)), "client \(entry.client)", entry.kind]
            if let table = entry.table { parts.append(table + (entry.chunk.map { " chunk \($0)" } ?? "")) }
            if let subject = entry.subject { parts.append(Escaping.terminal(subject)) }
            if let rows = entry.rows { parts.append(Quantity.count(rows, "row")) }
            if let bytes = entry.bytes { parts.append(Quantity.bytes(bytes)) }
            if let seconds = entry.seconds { parts.append(Quantity.seconds(seconds)) }
            return parts.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
