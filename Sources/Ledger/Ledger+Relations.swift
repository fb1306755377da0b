package import Catalog
package import Planning
package import Postgres

extension Ledger {
    /// Enters the plan's tables and chunks: once, in the transaction that is open.
    package func enter(_ plan: Plan, source: DatabaseCatalog) throws {
        for table in plan.tables {
            guard let definition = source.table(table.name) else { continue }
            try enter(table, definition)
        }
    }

    /// Enters one table with its chunks.
    ///
    /// - Parameters:
    ///   - table: How it is treated.
    ///   - definition: The source's table.
    ///   - isAdopted: Whether the target holds rows of it already, of unknown origin.
    /// - Throws: ``PostgresError``.
    package func enter(_ table: TablePlan, _ definition: Table, isAdopted: Bool = false) throws {
        let relation = try connection.queryOne(
            """
            INSERT INTO tidemark.relation (relation_id, schema_name, table_name, definition, treatment, key, format,
                                           has_other_unique_keys, table_bytes, estimated_rows, row_filter)
            SELECT coalesce(max(relation_id), 0) + 1, \(value: table.name.schema), \(value: table.name.name),
                   \(value: try Self.json(definition))::jsonb, \(value: table.treatment.rawValue),
                   \(value: try table.key.map(Self.json))::jsonb, \(value: table.format.rawValue),
                   \(value: String(table.hasOtherUniqueKeys))::boolean, \(value: table.tableBytes)::bigint,
                   \(value: table.estimatedRows)::bigint, \(value: table.filter)
            FROM tidemark.relation
            RETURNING relation_id
            """
        ).integer("relation_id")
        try enterChunks(of: relation, table, areAdopted: isAdopted)
    }

    func enterChunks(of relation: Int, _ table: TablePlan, areAdopted: Bool = false) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.chunk (relation_id, chunk_number, range, is_immutable, is_adopted)
            SELECT \(value: relation)::integer, r.number, r.range, r.number <= \(value: table.immutableRanges)::bigint,
                   \(value: String(areAdopted))::boolean
            FROM pg_catalog.jsonb_array_elements(\(value: try Self.json(table.ranges))::jsonb)
                 WITH ORDINALITY AS r(range, number)
            """
        )
    }

    /// Enters what is to be rebuilt; what is there already stays as it is.
    package func enter(_ objects: [NewObject]) throws {
        for object in objects {
            try connection.execute(
                """
                INSERT INTO tidemark.object (object_id, relation_id, stage, kind, schema_name, table_name, object_name,
                                             statements, bytes)
                SELECT (SELECT coalesce(max(object_id), 0) + 1 FROM tidemark.object),
                       (SELECT relation_id FROM tidemark.relation
                        WHERE schema_name = \(value: object.table.schema) AND table_name = \(value: object.table.name)),
                       \(value: object.stage.rawValue), \(value: object.kind), \(value: object.table.schema),
                       \(value: object.table.name), \(value: object.name),
                       \(value: try Self.json(object.statements.map(\.text)))::jsonb, \(value: object.bytes)
                ON CONFLICT (kind, schema_name, table_name, object_name) DO NOTHING
                """
            )
        }
    }

    package func relations() throws -> [RelationEntry] {
        try connection.query(
            RelationEntry.self,
            """
            SELECT relation_id, schema_name, table_name, definition, treatment, key, format, has_other_unique_keys,
                   table_bytes, row_filter
            FROM tidemark.relation ORDER BY relation_id
            """
        )
    }

    /// The plan of the run that has begun on this target; nil where there is none.
    package static func begunPlan(on connection: Connection) throws -> Plan? {
        guard let run = try run(on: connection), run.step > .begun else { return nil }
        return try Ledger(connection).plan()
    }

    /// The plan the run follows since it began.
    package func plan() throws -> Plan {
        let chunks = Dictionary(grouping: try chunks(), by: \.relationId)
        let tables = try relations().map { relation in
            let chunks = chunks[relation.relationId] ?? []
            let ranges = chunks.map(\.range)
            return TablePlan(
                name: relation.name,
                isPartitioned: relation.definition.isPartitioned,
                treatment: relation.treatment,
                reason: "as begun",
                key: relation.key,
                format: relation.format,
                estimatedRows: relation.definition.estimatedRows,
                tableBytes: relation.tableBytes,
                hasOtherUniqueKeys: relation.hasOtherUniqueKeys,
                ranges: ranges,
                filter: relation.rowFilter,
                immutableRanges: chunks.count(where: \.isImmutable),
                wantedChunks: ranges.count
            )
        }
        return Plan(tables: tables, warnings: [])
    }

    package func chunks() throws -> [ChunkEntry] {
        try connection.query(
            ChunkEntry.self,
            "SELECT \(Self.chunkColumns) FROM tidemark.chunk c ORDER BY c.relation_id, c.chunk_number"
        )
    }

    static let chunkColumns: SQL = """
        c.relation_id, c.chunk_number, c.range, c.is_immutable, c.is_adopted, c.mark, c.pass, c.rows, c.bytes, c.shed_snapshot, c.written_rows,
        c.proof
        """
}
