package import Catalog
package import Planning
package import Postgres

extension Ledger {
    /// Enters the plan's tables and chunks, once per run, in the open transaction.
    package func enter(_ plan: Plan, source: DatabaseCatalog) throws {
        let definitions = Dictionary(keepingFirst: source.tables.map { ($0.qualifiedName, $0) })
        try enter(plan.tables.compactMap { plan in definitions[plan.name].map { NewRelation(plan, $0) } })
        try analyze()
    }

    /// Gathers statistics of the ledger's tables, which the planner needs to find due chunks by an index.
    package func analyze() throws {
        try connection.execute(
            """
            ANALYZE tidemark.relation (relation_id, treatment, table_bytes, has_other_unique_keys),
                    tidemark.chunk (relation_id, chunk_number, pass, proof_pass, is_adopted)
            """
        )
    }

    /// Enters one table with its chunks.
    ///
    /// - Parameters:
    ///   - table: The table's plan.
    ///   - definition: The source's table.
    ///   - isAdopted: Whether the target already has rows of the table, of unknown origin.
    /// - Throws: ``PostgresError``.
    package func enter(_ table: TablePlan, _ definition: Table, isAdopted: Bool = false) throws {
        try enter([NewRelation(table, definition, isAdopted: isAdopted)])
    }

    /// Enters many tables per statement: a database may have tens of thousands.
    private func enter(_ relations: [NewRelation]) throws {
        for start in stride(from: 0, to: relations.count, by: Self.rowsPerStatement) {
            let relations = Array(relations[start..<min(start + Self.rowsPerStatement, relations.count)])
            try connection.execute(
                """
                WITH given AS MATERIALIZED (
                    SELECT g.*, coalesce((SELECT max(relation_id) FROM tidemark.relation), 0) + g.number AS relation_id
                    FROM pg_catalog.jsonb_array_elements(\(value: try Self.json(relations))::jsonb)
                         WITH ORDINALITY AS g(j, number)),
                entered AS (
                    INSERT INTO tidemark.relation (relation_id, schema_name, table_name, definition, treatment, key,
                                                   format, has_other_unique_keys, table_bytes, estimated_rows, row_filter, is_shared)
                    SELECT relation_id, j ->> 'schema', j ->> 'name', j -> 'definition', j ->> 'treatment', j -> 'key',
                           j ->> 'format', j ->> 'hasOtherUniqueKeys' = 'true', (j ->> 'tableBytes')::bigint,
                           (j ->> 'estimatedRows')::bigint, j ->> 'filter', j ->> 'isShared' = 'true'
                    FROM given)
                INSERT INTO tidemark.chunk (relation_id, chunk_number, range, is_immutable, is_adopted)
                SELECT given.relation_id, r.number, r.range, r.number <= (j ->> 'immutableRanges')::bigint,
                       j ->> 'isAdopted' = 'true'
                FROM given, pg_catalog.jsonb_array_elements(j -> 'ranges') WITH ORDINALITY AS r(range, number)
                """
            )
        }
    }

    func enterChunks(of relation: Int, _ table: TablePlan) throws {
        try connection.execute(
            """
            INSERT INTO tidemark.chunk (relation_id, chunk_number, range, is_immutable)
            SELECT \(value: relation)::integer, r.number, r.range, r.number <= \(value: table.immutableRanges)::bigint
            FROM pg_catalog.jsonb_array_elements(\(value: try Self.json(table.ranges))::jsonb)
                 WITH ORDINALITY AS r(range, number)
            """
        )
    }

    /// Enters objects to rebuild; those already entered stay unchanged.
    package func enter(_ objects: [NewObject]) throws {
        for start in stride(from: 0, to: objects.count, by: Self.rowsPerStatement) {
            let given = objects[start..<min(start + Self.rowsPerStatement, objects.count)].map { object in
                ObjectRow(
                    stage: object.stage.rawValue,
                    kind: object.kind,
                    schema: object.table.schema,
                    table: object.table.name,
                    name: object.name,
                    statements: object.statements.map(\.text),
                    bytes: object.bytes
                )
            }
            try connection.execute(
                """
                INSERT INTO tidemark.object (object_id, relation_id, stage, kind, schema_name, table_name, object_name,
                                             statements, bytes)
                SELECT coalesce((SELECT max(object_id) FROM tidemark.object), 0) + g.number, r.relation_id,
                       (j ->> 'stage')::integer, j ->> 'kind', j ->> 'schema', j ->> 'table', j ->> 'name',
                       j -> 'statements', (j ->> 'bytes')::bigint
                FROM pg_catalog.jsonb_array_elements(\(value: try Self.json(given))::jsonb)
                     WITH ORDINALITY AS g(j, number)
                     LEFT JOIN tidemark.relation r ON (r.schema_name, r.table_name) = (j ->> 'schema', j ->> 'table')
                ORDER BY g.number
                ON CONFLICT (kind, schema_name, table_name, object_name) DO NOTHING
                """
            )
        }
        // For the same reason as in analyze().
        if objects.count > Self.rowsPerStatement { try connection.execute("ANALYZE tidemark.object") }
    }

    package func relations() throws -> [RelationEntry] {
        try connection.query(
            RelationEntry.self,
            """
            SELECT relation_id, schema_name, table_name, definition, treatment, key, format, has_other_unique_keys,
                   table_bytes, row_filter, is_shared
            FROM tidemark.relation ORDER BY relation_id
            """
        )
    }

    /// The plan of the run that has begun on this target; nil if there is none.
    package static func begunPlan(on connection: Connection) throws -> Plan? {
        guard let run = try run(on: connection), run.step > .begun else { return nil }
        return try Ledger(connection).plan()
    }

    /// The plan the run has followed since it began.
    package func plan() throws -> Plan { Self.plan(of: try relations(), try chunks()) }

    /// The same from relations and chunks already read.
    package static func plan(of relations: [RelationEntry], _ chunks: [ChunkEntry]) -> Plan {
        let chunks = Dictionary(grouping: chunks, by: \.relationId)
        let tables = relations.map { relation in
            let found = chunks[relation.relationId] ?? []
            let chunks = KeyRange.inOrder(found, \.range) ?? found
            let ranges = chunks.map(\.range)
            return TablePlan(
                name: relation.name,
                isPartitioned: relation.definition.isPartitioned,
                treatment: relation.treatment,
                reason: "as decided at the start",
                key: relation.key,
                format: relation.format,
                estimatedRows: relation.definition.estimatedRows,
                tableBytes: relation.tableBytes,
                hasOtherUniqueKeys: relation.hasOtherUniqueKeys,
                ranges: ranges,
                filter: relation.rowFilter,
                immutableRanges: chunks.count(where: \.isImmutable),
                wantedChunks: ranges.count,
                isShared: relation.isShared
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

    /// Limits the size of a statement's parameter, a JSON document, which may have a few hundred megabytes at most.
    private static let rowsPerStatement = 1000

    static let chunkColumns: SQL = """
        c.relation_id, c.chunk_number, c.range, c.is_immutable, c.is_part, c.is_adopted, c.mark, c.pass, c.read_pass, c.rows, c.bytes, c.shed_snapshot, c.written_rows,
        c.proof
        """
}

/// A table to be entered.
private struct NewRelation: Encodable {
    let schema: ServerText
    let name: ServerText
    let definition: Table
    let treatment: String
    let key: Key?
    let format: String
    let hasOtherUniqueKeys: Bool
    let tableBytes: Int
    let estimatedRows: Int
    let filter: String?
    let ranges: [KeyRange]
    let immutableRanges: Int
    let isAdopted: Bool
    let isShared: Bool

    init(_ plan: TablePlan, _ definition: Table, isAdopted: Bool = false) {
        schema = plan.name.schema
        name = plan.name.name
        self.definition = definition
        treatment = plan.treatment.rawValue
        key = plan.key
        format = plan.format.rawValue
        hasOtherUniqueKeys = plan.hasOtherUniqueKeys
        tableBytes = plan.tableBytes
        estimatedRows = plan.estimatedRows
        filter = plan.filter
        ranges = plan.ranges
        immutableRanges = plan.immutableRanges
        isShared = plan.isShared
        self.isAdopted = isAdopted
    }
}

/// An object to be entered.
private struct ObjectRow: Encodable {
    let stage: Int
    let kind: String
    let schema: ServerText
    let table: ServerText
    let name: ServerText
    let statements: [ServerText]
    let bytes: Int
}
