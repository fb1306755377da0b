package import Postgres

/// A table as described by the catalog.
package struct Table: RowMeaning, Sendable, Hashable, Codable {
    /// `pg_class.relkind` of what has rows, or columns that an index or constraint may be on.
    package enum Kind: String, Sendable, Hashable, Codable {
        case ordinary = "r"
        case partitioned = "p"
        case materializedView = "m"
        case foreign = "f"
    }

    /// `pg_class.relpersistence`.
    package enum Persistence: String, Sendable, Hashable, Codable {
        case permanent = "p"
        case unlogged = "u"
        case temporary = "t"
    }

    /// `pg_partitioned_table.partstrat`.
    package enum PartitionStrategy: String, Sendable, Hashable, Codable {
        case hash = "h"
        case list = "l"
        case range = "r"
    }

    package let oid: UInt32
    package let schema: ServerText
    package let name: ServerText
    package let kind: Kind
    package let persistence: Persistence
    package let fileNode: UInt32
    /// The partitioned table of which this one is a partition.
    package let parentOid: UInt32?
    package private(set) var partitionBound: ServerText?
    /// nil if the table is not partitioned.
    package let partitionStrategy: PartitionStrategy?
    /// The columns of the partition key; nil for an expression.
    package let partitionColumns: [ServerText?]?
    /// The tables it inherits from, in order; empty for a partition.
    package let inheritedTables: [QualifiedName]
    package let columnsDigest: String
    package let partitionsDigest: String?
    package let typeParts: [ServerText]?
    /// Whether policies may hide rows from our role.
    package let isRowSecurityActive: Bool
    package let heapBytes: Int
    /// Heap and TOAST, without maps and indexes.
    package let tableBytes: Int
    /// The planner's estimate; 0 if there is none.
    package let estimatedRows: Int
    /// Rows inserted since the statistics were reset, including aborted work; only a hint, because a crash resets it.
    package let rowsInserted: Int
    /// Rows updated and deleted according to the statistics.
    package let rowsChanged: Int
    package let isReadable: Bool
    package private(set) var columns: [Column]

    package var qualifiedName: QualifiedName { QualifiedName(schema: schema, name: name) }
    package var isPartitioned: Bool { kind == .partitioned }
    /// The table as FROM and DELETE take it, without rows of inheriting tables, but with rows of partitions.
    package var rows: SQL { isPartitioned ? "\(qualifiedName)" : "ONLY \(qualifiedName)" }

    /// The columns that COPY transfers; generated columns are computed again.
    package var copiedColumns: [Column] { columns.filter { !$0.isGenerated } }

    /// The columns whose values are stored in rows.
    ///
    /// A virtual generated column has only an expression, which is evaluated when it is read and may fail. Only its
    /// definition can be compared.
    package var heldColumns: [Column] { columns.filter(\.isHeld) }

    /// Reads all tables.
    ///
    /// - Parameter connection: A connection with an open transaction, in a snapshot if tables and columns must agree.
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

    /// Reads only the names of all tables: with thousands of tables the rest takes long.
    ///
    /// - Parameter connection: Any connection.
    /// - Returns: The names, by object id.
    /// - Throws: ``PostgresError``.
    package static func names(on connection: Connection) throws -> [UInt32: QualifiedName] {
        struct Found: Decodable {
            let oid: UInt32
            let schema: ServerText
            let name: ServerText
        }
        let found = try connection.query(Found.self, CatalogQuery.tableNames)
        return Dictionary(keepingFirst: found.map { ($0.oid, QualifiedName(schema: $0.schema, name: $0.name)) })
    }

    /// Reads only the names and types of all tables' columns: with thousands of tables the rest takes long.
    ///
    /// - Parameter connection: Any connection.
    /// - Returns: Types by column name, by table; tables without columns are missing.
    /// - Throws: ``PostgresError``.
    package static func columnTypes(on connection: Connection) throws -> [QualifiedName: [ServerText: ServerText]] {
        struct Found: Decodable {
            let schema: ServerText
            let name: ServerText
            /// The name and type of each column.
            let types: [[ServerText]]
        }
        let found = try connection.query(Found.self, CatalogQuery.columnTypes)
        return Dictionary(
            keepingFirst: found.map {
                (
                    QualifiedName(schema: $0.schema, name: $0.name),
                    Dictionary(uniqueKeysWithValues: $0.types.map { ($0[0], $0[1].typeQuotedForAllServers) })
                )
            }
        )
    }

    package func column(_ name: ServerText) -> Column? { columns.first { $0.name == name } }
    package func column(numbered number: Int) -> Column? { columns.first { $0.number == number } }
}

/// A column as described by the catalog.
package struct Column: Sendable, Hashable, Codable {
    /// `pg_type.typtype`.
    package enum TypeKind: String, Sendable, Hashable, Codable {
        case base = "b"
        case composite = "c"
        case domain = "d"
        case enumeration = "e"
        case pseudo = "p"
        case range = "r"
        case multirange = "m"
    }

    /// `pg_attribute.attidentity`.
    package enum IdentityGeneration: String, Sendable, Hashable, Codable {
        case none = ""
        case always = "a"
        case byDefault = "d"
    }

    /// `pg_attribute.attgenerated`.
    package enum Generated: String, Sendable, Hashable, Codable {
        case no = ""
        case stored = "s"
        case virtual = "v"
    }

    /// `pg_attribute.attnum`, which a rename does not change and which is never reused.
    package let number: Int
    package let name: ServerText
    /// The type with its modifier, schema-qualified unless built in.
    package private(set) var type: ServerText
    package let isDomain: Bool
    /// `pg_type.typtype` of the type; of the element of an array, of the base type of a domain.
    package let typeKind: TypeKind
    package let typeSchema: ServerText
    package let typeName: ServerText
    package let isNotNull: Bool
    /// Whether values are object ids, at any depth, and print as names.
    ///
    /// Their text may change without a write to the row. nil in older archives and ledgers.
    package let isPrintedByName: Bool?
    package private(set) var defaultExpression: ServerText?
    package let identity: IdentityGeneration
    package let generated: Generated
    /// The value, as text, in rows written before the column was added; nil: NULL.
    package let missingValue: ServerText?
    /// The collation's schema and name, quoted.
    package private(set) var collation: ServerText?
    package let isCollationDeterministic: Bool
    /// Empty for types without collation, `default` for the database's default, `C`, or the collation's name.
    package let sortOrder: ServerText
    /// How closely the rows on disk follow the column's order, from −1 to 1 (`pg_stats.correlation`).
    package let correlation: Double?

    package var identifier: Identifier { Identifier(name) }

    /// The same column with its names quoted for all servers.
    var quotedForAllServers: Column {
        var column = self
        column.type = type.typeQuotedForAllServers
        column.defaultExpression = defaultExpression?.quotedForAllServers
        column.collation = collation?.quotedForAllServers
        return column
    }

    /// Whether its values are stored in rows.
    package var isGenerated: Bool { generated != .no }
    package var isIdentity: Bool { identity != .none }
    package var isHeld: Bool { generated != .virtual }

    /// Whether it is of type bytea, not an array of bytea.
    package var isBytes: Bool { typeSchema == "pg_catalog" && typeName == "bytea" && !type.ends(with: "[]") }

    /// Whether its type has comparison operators that every session finds, regardless of the search path.
    ///
    /// A type of an extension (citext, ltree) has its own operators; with others it would sort and match differently. A
    /// domain over an enum has none. A composite may contain text that sorts differently on the other side.
    package var isComparable: Bool {
        switch typeKind {
        case .base, .range, .multirange: typeSchema == "pg_catalog" && !Self.unorderedTypes.contains(typeName)
        case .enumeration: !isDomain
        default: false
        }
    }

    /// Types that need a user-defined operator class to be a key; `=` of some compares areas.
    private static let unorderedTypes: Set<ServerText> = [
        "aclitem", "box", "cid", "circle", "json", "jsonpath", "line", "lseg", "path", "pg_snapshot", "point",
        "polygon", "refcursor", "txid_snapshot", "xid", "xml",
    ]

    /// Whether the binary form of COPY means the same on every server.
    ///
    /// True for built-in types without object ids inside, arrays of them, enums (sent as text), and domains over these.
    /// False for `reg*` (ids of the source), composites and arrays of user types (ids of types), and types of extensions.
    package var isBinarySafe: Bool {
        if typeKind == .enumeration { return !type.ends(with: "[]") }
        return typeKind == .base && typeSchema == "pg_catalog" && Self.binarySafeTypes.contains(typeName)
    }

    private static let binarySafeTypes: Set<ServerText> = [
        "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "text", "varchar", "bpchar", "bytea", "uuid",
        "date",
        "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb", "inet", "cidr", "macaddr",
        "macaddr8",
        "bit", "varbit", "point", "line", "lseg", "box", "path", "polygon", "circle", "name", "money",
    ]
}

/// A column with the oid of its table, decoded from one row.
private struct ColumnOfTable: Decodable {
    let tableOid: UInt32
    let column: Column

    private enum CodingKeys: CodingKey { case tableOid }

    init(from decoder: any Decoder) throws {
        tableOid = try decoder.container(keyedBy: CodingKeys.self).decode(UInt32.self, forKey: .tableOid)
        column = try Column(from: decoder)
    }
}

/// The target's table described as an earlier state of the source's table, so that each difference is a change.
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
