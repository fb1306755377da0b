package import Postgres

/// A table as the catalog describes it.
package struct Table: RowMeaning, Sendable, Hashable, Codable {
    package let oid: UInt32
    package let schema: ServerText
    package let name: ServerText
    /// `r` ordinary, `p` partitioned.
    package let kind: String
    package let persistence: String
    package let fileNode: UInt32
    /// The partitioned table this one is a partition of.
    package let parentOid: UInt32?
    package private(set) var partitionBound: ServerText?
    /// `h` hash, `l` list, `r` range; nil for a table that is not partitioned.
    package let partitionStrategy: String?
    /// The columns rows are spread over its partitions by; nil stands for an expression.
    package let partitionColumns: [ServerText?]?
    /// The tables it inherits from, in order; a partition has none.
    package let inheritedTables: [QualifiedName]
    package let columnsDigest: String
    package let partitionsDigest: String?
    package let typeParts: [ServerText]?
    /// Whether policies would hide rows from our role.
    package let isRowSecurityActive: Bool
    package let heapBytes: Int
    /// Heap and TOAST, without maps and indexes.
    package let tableBytes: Int
    /// The planner's estimate; 0 where it has none.
    package let estimatedRows: Int
    /// Since the statistics were reset; lost in a crash, aborted work included: a hint, never a proof.
    package let rowsInserted: Int
    /// Updated and deleted, as far as the statistics know.
    package let rowsChanged: Int
    package let isReadable: Bool
    package private(set) var columns: [Column]

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    package var isPartitioned: Bool { kind == "p" }
    /// As FROM and DELETE take it: without the rows of tables that inherit from it, with those of its partitions.
    package var rows: SQL { isPartitioned ? "\(qualifiedName)" : "ONLY \(qualifiedName)" }

    /// The columns COPY carries: generated ones are computed anew.
    package var copiedColumns: [Column] { columns.filter { $0.generated.isEmpty } }

    /// The columns that rows hold values of.
    ///
    /// A virtual generated column has only an expression, which is evaluated where it is read and may fail there: its
    /// definition is all there is to compare.
    package var heldColumns: [Column] { columns.filter(\.isHeld) }

    /// Reads all tables.
    ///
    /// - Parameter connection: A connection with an open transaction, a snapshot if tables and columns are to agree.
    /// - Returns: The tables with their columns, by schema and name.
    /// - Throws: ``PostgresError``.
    package static func all(of connection: Connection) throws -> [Table] {
        var tables = try connection.query(Table.self, CatalogQuery.tables)
        let columns = Dictionary(
            grouping: try connection.query(ColumnOfTable.self, CatalogQuery.columns),
            by: \.tableOid
        )
        for index in tables.indices {
            tables[index].partitionBound = tables[index].partitionBound?.quotedForAllServers
            tables[index].columns = columns[tables[index].oid]?.map(\.column.quotedForAllServers) ?? []
        }
        return tables
    }

    /// The names of all tables, and nothing else of them: with thousands of tables the rest takes its time.
    ///
    /// - Parameter connection: Any connection.
    /// - Returns: By object id.
    /// - Throws: ``PostgresError``.
    package static func names(on connection: Connection) throws -> [UInt32: QualifiedName] {
        struct Found: Decodable {
            let oid: UInt32
            let schema: ServerText
            let name: ServerText
        }
        let found = try connection.query(Found.self, CatalogQuery.tableNames)
        return Dictionary(
            found.map { ($0.oid, QualifiedName(schema: $0.schema, name: $0.name)) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// The names and types of all tables' columns, and nothing else of them: with thousands of tables the rest takes
    /// its time.
    ///
    /// - Parameter connection: Any connection.
    /// - Returns: By table, types by names; a table without columns is not among them.
    /// - Throws: ``PostgresError``.
    package static func columnTypes(on connection: Connection) throws -> [QualifiedName: [ServerText: ServerText]] {
        struct Found: Decodable {
            let schema: ServerText
            let name: ServerText
            /// Name and type of each.
            let types: [[ServerText]]
        }
        let found = try connection.query(Found.self, CatalogQuery.columnTypes)
        return Dictionary(
            found.map {
                (
                    QualifiedName(schema: $0.schema, name: $0.name),
                    Dictionary(uniqueKeysWithValues: $0.types.map { ($0[0], $0[1].typeQuotedForAllServers) })
                )
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    package func column(_ name: ServerText) -> Column? { columns.first { $0.name == name } }
    package func column(numbered number: Int) -> Column? { columns.first { $0.number == number } }
}

/// A column as the catalog describes it.
package struct Column: Sendable, Hashable, Codable {
    /// `pg_attribute.attnum`: stays when the column is renamed, and is never used again.
    package let number: Int
    package let name: ServerText
    /// With its modifier, schema-qualified unless built in.
    package private(set) var type: ServerText
    package let isDomain: Bool
    /// `pg_type.typtype` of the type, looked at through one array and one domain.
    package let typeKind: String
    package let typeSchema: ServerText
    package let typeName: ServerText
    package let isNotNull: Bool
    /// Whether values are object ids, at whatever depth, and print as names.
    ///
    /// They may print otherwise without a row being written. nil in older archives and ledgers.
    package let isPrintedByName: Bool?
    package private(set) var defaultExpression: ServerText?
    /// `a` always, `d` by default, empty for none.
    package let identity: String
    /// `s` stored, `v` virtual, empty for none.
    package let generated: String
    /// What rows have in it that were written before it came, as text; nil: NULL.
    package let missingValue: ServerText?
    /// Schema and name, quoted.
    package private(set) var collation: ServerText?
    package let isCollationDeterministic: Bool
    /// Empty for types without collation, `default` for the database's own, `C`, or the collation's name.
    package let sortOrder: ServerText
    /// How closely the rows on disk follow the column's order, −1 … 1 (`pg_stats.correlation`).
    package let correlation: Double?

    package var identifier: Identifier { Identifier(name) }

    /// The same column, in words every server would choose.
    var quotedForAllServers: Column {
        var column = self
        column.type = type.typeQuotedForAllServers
        column.defaultExpression = defaultExpression?.quotedForAllServers
        column.collation = collation?.quotedForAllServers
        return column
    }

    /// Whether rows hold its values.
    package var isHeld: Bool { generated != "v" }

    /// Whether it holds bytes, not an array of them.
    package var isBytes: Bool { typeSchema == "pg_catalog" && typeName == "bytea" && !type.ends(with: "[]") }

    /// Whether its type is compared by operators every session finds, whatever its search path.
    ///
    /// A type of an extension (citext, ltree) has its own, and compared otherwise it would sort and match otherwise;
    /// a domain over an enum has none; a composite may hold text that is sorted otherwise on the other side.
    package var isComparable: Bool {
        switch typeKind {
        case "b", "r", "m": typeSchema == "pg_catalog" && !Self.unorderedTypes.contains(typeName)
        case "e": !isDomain
        default: false
        }
    }

    /// Types that only an operator class of the user's own can make a key of; some have an `=` that goes by the area.
    private static let unorderedTypes: Set<ServerText> = [
        "aclitem", "box", "cid", "circle", "json", "jsonpath", "line", "lseg", "path", "pg_snapshot", "point",
        "polygon", "refcursor", "txid_snapshot", "xid", "xml",
    ]

    /// Whether the binary form of COPY means the same on every server.
    ///
    /// Built-in types without object ids inside, enums (they travel as text), arrays of these and domains over these.
    /// Not `reg*` (the source's ids), composites and arrays of user types (ids of types), nor types of extensions.
    package var isBinarySafe: Bool {
        if typeKind == "e" { return !type.ends(with: "[]") }
        return typeKind == "b" && typeSchema == "pg_catalog" && Self.binarySafeTypes.contains(typeName)
    }

    private static let binarySafeTypes: Set<ServerText> = [
        "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "bytea", "uuid",
        "date",
        "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb", "inet", "cidr", "macaddr",
        "macaddr8",
        "bit", "varbit", "point", "line", "lseg", "box", "path", "polygon", "circle", "name", "money",
    ]
}

/// A column as its row tells it.
private struct ColumnOfTable: Decodable {
    let tableOid: UInt32
    let column: Column

    private enum CodingKeys: CodingKey { case tableOid }

    init(from decoder: any Decoder) throws {
        tableOid = try decoder.container(keyedBy: CodingKeys.self).decode(UInt32.self, forKey: .tableOid)
        column = try Column(from: decoder)
    }
}

/// The target's table told as if the source had had it, so that what differs between the two is a change.
extension Table {
    package func known(as source: Table, parentOid: UInt32?, _ columns: [Column]) -> Table {
        Table(
            oid: source.oid,
            schema: source.schema,
            name: source.name,
            kind: kind,
            persistence: persistence,
            fileNode: source.fileNode,
            parentOid: parentOid,
            partitionBound: partitionBound,
            partitionStrategy: source.partitionStrategy,
            partitionColumns: source.partitionColumns,
            inheritedTables: inheritedTables,
            columnsDigest: source.columnsDigest,
            partitionsDigest: source.partitionsDigest,
            typeParts: source.typeParts,
            isRowSecurityActive: source.isRowSecurityActive,
            heapBytes: source.heapBytes,
            tableBytes: source.tableBytes,
            estimatedRows: source.estimatedRows,
            rowsInserted: source.rowsInserted,
            rowsChanged: source.rowsChanged,
            isReadable: source.isReadable,
            columns: columns
        )
    }
}

extension Column {
    package func numbered(_ number: Int) -> Column {
        Column(
            number: number,
            name: name,
            type: type,
            isDomain: isDomain,
            typeKind: typeKind,
            typeSchema: typeSchema,
            typeName: typeName,
            isNotNull: isNotNull,
            isPrintedByName: isPrintedByName,
            defaultExpression: defaultExpression,
            identity: identity,
            generated: generated,
            missingValue: missingValue,
            collation: collation,
            isCollationDeterministic: isCollationDeterministic,
            sortOrder: sortOrder,
            correlation: correlation
        )
    }
}
