import Catalog
import FoundationEssentials
package import Postgres

/// What a table is at the moment in which rows of it are read.
package struct TableState: RowLayout, Sendable, Hashable, Codable {
    /// The mark that what is read in this transaction gets.
    package let mark: Mark
    package let kind: String
    package let columnsDigest: String
    package let partitionsDigest: String?
    /// What values of its types mean; nil where all types are the server's own.
    package let typeMeaning: TypeMeaning?

    /// Reads it, in the transaction in which the rows are read.
    ///
    /// - Parameters:
    ///   - name: The table.
    ///   - connection: The side that is read.
    ///   - identity: Which database that is.
    /// - Throws: ``PostgresError``, where there is no such table too.
    package init(of name: QualifiedName, on connection: Connection, _ identity: MarkIdentity) throws {
        try self.init(connection.queryOne(CatalogQuery.tableState(name)), identity)
    }

    /// Reads those of several tables.
    ///
    /// - Parameters:
    ///   - names: The tables.
    ///   - connection: The side that is read.
    ///   - identity: Which database that is.
    /// - Returns: By name, all of them.
    /// - Throws: ``PostgresError``, where there is no such table too.
    package static func all(
        of names: [QualifiedName],
        on connection: Connection,
        _ identity: MarkIdentity
    ) throws -> [QualifiedName: TableState] {
        let rows = try connection.query(CatalogQuery.tableStates(names))
        return try Dictionary(
            rows.map { row in
                let name = QualifiedName(schema: try row.text("schema"), name: try row.text("name"))
                return (name, try TableState(row, identity))
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    private init(_ row: Row, _ identity: MarkIdentity) throws {
        mark = Mark(
            snapshot: try row.snapshot("snapshot"),
            systemIdentifier: identity.systemIdentifier,
            timeline: identity.timeline,
            serverStartedAt: identity.serverStartedAt,
            databaseOid: identity.databaseOid,
            tableOid: UInt32(try row.integer("oid")),
            fileNode: UInt32(try row.integer("file_node"))
        )
        kind = try row.word("kind")
        columnsDigest = try row.word("columns_digest")
        partitionsDigest = row["partitions_digest"]?.string
        typeMeaning = try row["type_parts"].map {
            TypeMeaning(try JSONDecoder().decode([ServerText].self, from: Data($0.utf8)))
        }
    }

    private func doTypesHold(_ now: TableState) -> Bool {
        switch (typeMeaning, now.typeMeaning) {
        case (nil, nil): true
        case (let then?, let now?): then.holds(now: now)
        default: false
        }
    }

    /// Whether the table's rows can be asked what was written to them since this state: they are in the same file, and
    /// each holds the same columns.
    ///
    /// - Parameter now: The table later.
    /// - Returns: Whether they can.
    package func tells(of now: TableState) -> Bool {
        mark.voidReason(at: now.mark) == nil && mark.fileNode == now.mark.fileNode
            && isLaidOut(as: now) && doTypesHold(now)
    }
}
