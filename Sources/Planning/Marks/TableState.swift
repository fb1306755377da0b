import Catalog
import FoundationEssentials
package import Postgres

/// The state of a table at the moment its rows are read.
package struct TableState: RowLayout, Sendable, Hashable, Codable {
    /// The mark for rows read in this transaction.
    package let mark: Mark
    package let kind: String
    package let columnsDigest: String
    package let partitionsDigest: String?
    /// The meaning of values of its types; nil if all types are built in.
    package let typeMeaning: TypeMeaning?

    /// Reads the state, in the transaction in which the rows are read.
    ///
    /// - Parameters:
    ///   - name: The table.
    ///   - connection: A connection to the side that is read.
    ///   - identity: The identity of that database.
    /// - Throws: ``PostgresError``, also if there is no such table.
    package init(of name: QualifiedName, on connection: Connection, _ identity: MarkIdentity) throws {
        try self.init(connection.queryOne(CatalogQuery.tableState(name)), identity)
    }

    /// Reads the states of several tables.
    ///
    /// - Parameters:
    ///   - names: The tables.
    ///   - connection: A connection to the side that is read.
    ///   - identity: The identity of that database.
    /// - Returns: The state of each table, by name.
    /// - Throws: ``PostgresError``, also if one of the tables does not exist.
    package static func all(
        of names: [QualifiedName],
        on connection: Connection,
        _ identity: MarkIdentity
    ) throws -> [QualifiedName: TableState] {
        let rows = try connection.query(CatalogQuery.tableStates(names))
        return try Dictionary(
            keepingFirst: rows.map { row in
                let name = QualifiedName(schema: try row.text("schema"), name: try row.text("name"))
                return (name, try TableState(row, identity))
            }
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

    /// The same state with the mark of rows that were read earlier from the same file.
    package func at(_ earlier: Mark) -> TableState {
        TableState(mark: earlier, self)
    }

    private init(mark: Mark, _ state: TableState) {
        self.mark = mark
        kind = state.kind
        columnsDigest = state.columnsDigest
        partitionsDigest = state.partitionsDigest
        typeMeaning = state.typeMeaning
    }

    private func doTypesHold(_ now: TableState) -> Bool {
        switch (typeMeaning, now.typeMeaning) {
        case (nil, nil): true
        case (let then?, let now?): then.holds(now: now)
        default: false
        }
    }

    /// Whether the table's rows show what was written since this state: they are in the same file, with the same columns.
    ///
    /// - Parameter now: The table's state now.
    /// - Returns: Whether the rows show it.
    package func showsWrites(until now: TableState) -> Bool {
        mark.voidReason(at: now.mark) == nil && mark.fileNode == now.mark.fileNode
            && isLaidOut(as: now) && doTypesHold(now)
    }
}
