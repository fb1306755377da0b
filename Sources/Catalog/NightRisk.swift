package import Postgres

/// Something on the source that would make the night longer, or that should be repaired before it.
package struct NightRisk: Sendable, Codable, Hashable {
    /// What it is: `long transaction`, `unlogged table`, `sequence` or `transaction ids`.
    package let kind: String
    package let schema: ServerText?
    package let name: ServerText
    /// Seconds, bytes, percent or transactions, by kind.
    package let amount: Int
    package let detail: ServerText?

    package init(kind: String, schema: ServerText?, name: ServerText, amount: Int, detail: ServerText?) {
        self.kind = kind
        self.schema = schema
        self.name = name
        self.amount = amount
        self.detail = detail
    }

    /// Finds them.
    ///
    /// - Parameter connection: A connection to the source.
    /// - Returns: The risks that can be seen with the role's rights.
    /// - Throws: ``PostgresError``.
    package static func all(on connection: Connection) throws -> [NightRisk] {
        try connection.query(Self.self, CatalogQuery.nightRisks)
    }
}
