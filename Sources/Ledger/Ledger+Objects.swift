import Planning
package import Postgres

extension Ledger {
    /// Claims the next object to build, the largest first; the claim lasts until the open transaction ends.
    ///
    /// - Parameters:
    ///   - stages: The stages that may be built now.
    ///   - pass: Only objects of tables copied ahead whose base is complete, and whose chunks, if the table has other
    ///     unique keys, are all in one snapshot of this pass; nil: all objects.
    ///   - passedOver: Objects to skip because building them failed.
    ///   - tables: Tables to skip for now.
    /// - Returns: The object; nil if none are left to claim.
    /// - Throws: ``PostgresError``.
    package func claimObject(
        _ stages: [RebuildStage],
        settledIn pass: Int?,
        passingOver passedOver: [Int] = [],
        _ tables: [QualifiedName] = []
    ) throws -> ObjectEntry? {
        try fence()
        let others: SQL =
            passedOver.isEmpty
            ? "" : "AND o.object_id NOT IN (\(passedOver.map { "\($0)" as SQL }.joined(separator: ", ")))"
        return try connection.query(
            ObjectEntry.self,
            """
            SELECT \(Self.objectColumns) FROM tidemark.object o
            WHERE \(isToBuild(in: stages, settledIn: pass)) \(others) \(Self.isNone(of: tables, "o"))
            -- Index builds first: adding a constraint to a built index waits for the other builds of its table.
            ORDER BY o.steps_done > 0, o.stage, o.bytes DESC, o.object_id
            FOR UPDATE OF o SKIP LOCKED LIMIT 1
            """
        ).first
    }

    /// A condition on `tidemark.object o`: it is not complete, and may be built now.
    ///
    /// - Parameters:
    ///   - stages: The stages that may be built.
    ///   - pass: See ``claimObject(_:settledIn:passingOver:_:)``.
    /// - Returns: The condition.
    func isToBuild(in stages: [RebuildStage], settledIn pass: Int?) -> SQL {
        let list = stages.map { "\($0.rawValue)" as SQL }.joined(separator: ", ")
        return """
            o.stage IN (\(list)) AND o.steps_done < pg_catalog.jsonb_array_length(o.statements)
            AND \(pass.map(isReady(in:)) ?? "true")
            """
    }

    private static let objectColumns: SQL =
        "object_id, stage, kind, schema_name, table_name, object_name, statements, steps_done, bytes"

    /// Claims all objects of some small tables; the claim lasts until the open transaction ends.
    ///
    /// One builder gets all objects of a table, so that two builders never wait for each other's locks.
    ///
    /// - Parameters:
    ///   - stages: The stages that may be built now.
    ///   - tables: Tables to skip for now.
    /// - Returns: The objects, table by table, in building order; empty if no small table is left.
    /// - Throws: ``PostgresError``.
    package func claimObjectsOfSmallTables(_ stages: [RebuildStage], passingOver tables: [QualifiedName] = []) throws
        -> [ObjectEntry]
    {
        try fence()
        let list = stages.map { "\($0.rawValue)" as SQL }.joined(separator: ", ")
        let isDue: SQL = "o.stage IN (\(list)) AND o.steps_done < pg_catalog.jsonb_array_length(o.statements)"
        return try connection.query(
            ObjectEntry.self,
            """
            WITH taken AS MATERIALIZED (
                SELECT r.relation_id
                FROM (SELECT DISTINCT o.relation_id FROM tidemark.object o WHERE \(isDue)) AS due
                JOIN tidemark.relation r USING (relation_id)
                WHERE r.table_bytes <= \(TablePlan.smallBytes) \(Self.isNone(of: tables, "r"))
                ORDER BY due.relation_id
                FOR NO KEY UPDATE OF r SKIP LOCKED LIMIT \(Self.smallTogether)),
            claimed AS MATERIALIZED (
                SELECT o.* FROM tidemark.object o JOIN taken USING (relation_id) WHERE \(isDue) FOR UPDATE OF o)
            SELECT \(Self.objectColumns) FROM claimed ORDER BY relation_id, stage, object_id
            """
        )
    }

    /// Whether there is an object that may be built now, whether or not another builder has claimed it.
    ///
    /// - Parameters:
    ///   - stages: The stages that may be built.
    ///   - pass: See ``claimObject(_:settledIn:passingOver:_:)``.
    /// - Returns: Whether there is one.
    /// - Throws: ``PostgresError``.
    package func hasObjects(toBuildIn stages: [RebuildStage], settledIn pass: Int?) throws -> Bool {
        try connection.queryOne(
            "SELECT EXISTS (SELECT FROM tidemark.object o WHERE \(isToBuild(in: stages, settledIn: pass))) AS f"
        ).boolean("f")
    }

    /// The number of objects of some stages that are not complete yet.
    package func objectsLeft(in stages: [RebuildStage]) throws -> Int {
        try connection.queryOne(
            "SELECT count(*) AS n FROM tidemark.object o WHERE \(isToBuild(in: stages, settledIn: nil))"
        ).integer("n")
    }

    private func isReady(in pass: Int) -> SQL {
        """
        EXISTS (SELECT FROM tidemark.relation r
                WHERE r.relation_id = o.relation_id AND \(ChunkStage.isCopiedAhead)
                  AND NOT EXISTS (SELECT FROM tidemark.chunk c
                                  WHERE c.relation_id = r.relation_id
                                    AND (c.mark IS NULL
                                         OR (r.has_other_unique_keys AND o.stage > \(RebuildStage.key.rawValue) AND c.pass < \(pass)))))
        """
    }

    /// Forgets objects of a stage that were not begun and that the source does not have any more.
    ///
    /// - Parameters:
    ///   - stage: The stage.
    ///   - objects: The objects that the source has now.
    /// - Throws: ``PostgresError``.
    package func forgetObjects(in stage: RebuildStage, besides objects: [NewObject]) throws {
        let names = objects.filter { $0.stage == stage }.map { object -> SQL in
            "(\(literal: object.table.schema), \(literal: object.table.name), \(literal: object.name))"
        }
        let isAmong: SQL =
            names.isEmpty
            ? "false" : "(schema_name, table_name, object_name) IN (\(names.joined(separator: ", ")))"
        try connection.execute(
            "DELETE FROM tidemark.object WHERE stage = \(stage.rawValue) AND steps_done = 0 AND NOT \(isAmong)"
        )
    }

    /// Records that the object's next statement is done, in the transaction that executed it.
    package func completeStatement(of object: ObjectEntry) throws {
        try connection.execute(
            """
            UPDATE tidemark.object SET steps_done = \(value: object.stepsDone + 1)
            WHERE object_id = \(value: object.objectId)
            """
        )
    }

    /// Records that an object already exists on the target.
    package func complete(_ object: NewObject) throws {
        try connection.execute(
            """
            UPDATE tidemark.object SET steps_done = pg_catalog.jsonb_array_length(statements)
            WHERE kind = \(value: object.kind) AND schema_name = \(value: object.table.schema)
              AND table_name = \(value: object.table.name) AND object_name = \(value: object.name)
            """
        )
    }

    package func objects() throws -> [ObjectEntry] {
        try connection.query(
            ObjectEntry.self,
            "SELECT \(Self.objectColumns) FROM tidemark.object ORDER BY object_id"
        )
    }
}
