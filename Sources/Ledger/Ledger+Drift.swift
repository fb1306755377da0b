package import Catalog
package import Planning
package import Postgres

/// What the ledger notes when the target has followed a change of the source's tables.
extension Ledger {
    /// The file nodes the chunks of each table were read from.
    package func fileNodes() throws -> [Int: Set<UInt32>] {
        let chunks = try chunks()
        return Dictionary(grouping: chunks, by: \.relationId).mapValues { Set($0.compactMap { $0.mark?.fileNode }) }
    }

    /// The target has dropped a table.
    package func remove(_ relation: RelationEntry) throws {
        for table in ["object", "chunk", "relation"] as [Identifier] {
            try connection.execute(
                "DELETE FROM tidemark.\(table) WHERE relation_id = \(value: relation.relationId)::integer"
            )
        }
    }

    /// The target's table has the form `definition` tells.
    ///
    /// - Parameters:
    ///   - relation: The table as it was entered.
    ///   - definition: The source's table now.
    ///   - plan: How it would be treated if the run began now.
    ///   - isCopiedAgain: Whether the target's table was emptied: then the plan's chunks take the place of the old ones.
    /// - Throws: ``PostgresError``.
    package func follow(
        _ relation: RelationEntry,
        to definition: Table,
        _ plan: TablePlan,
        isCopiedAgain: Bool
    ) throws {
        let id = relation.relationId
        try connection.execute(
            """
            UPDATE tidemark.relation
            SET schema_name = \(value: definition.schema), table_name = \(value: definition.name),
                definition = \(value: try Self.json(definition))::jsonb,
                treatment = \(value: isCopiedAgain ? plan.treatment.rawValue : relation.treatment.rawValue),
                key = \(value: try plan.key.map(Self.json))::jsonb, format = \(value: plan.format.rawValue),
                has_other_unique_keys = \(value: String(plan.hasOtherUniqueKeys))::boolean,
                table_bytes = \(value: plan.tableBytes)::bigint, estimated_rows = \(value: plan.estimatedRows)::bigint
            WHERE relation_id = \(value: id)::integer
            """
        )
        // What rows hold may have changed without a trace in them.
        try connection.execute(
            "UPDATE tidemark.chunk SET proof = NULL WHERE relation_id = \(value: id)::integer"
        )
        guard isCopiedAgain else { return }
        try connection.execute("DELETE FROM tidemark.chunk WHERE relation_id = \(value: id)::integer")
        try enterChunks(of: id, plan)
    }

    /// Puts names out of the way of others that come after them: two tables may have swapped theirs.
    package func giveWay(_ relations: [RelationEntry]) throws {
        for relation in relations {
            try connection.execute(
                """
                UPDATE tidemark.relation SET table_name = \(value: "tidemark renamed \(relation.relationId)")
                WHERE relation_id = \(value: relation.relationId)::integer
                """
            )
        }
    }

    /// An object that is built differs from what the source has now, or has gone there: the target has dropped it.
    package func reset(_ object: ObjectEntry, to definition: NewObject?) throws {
        guard let definition else {
            try connection.execute("DELETE FROM tidemark.object WHERE object_id = \(value: object.objectId)::integer")
            return
        }
        try connection.execute(
            """
            UPDATE tidemark.object
            SET statements = \(value: try Self.json(definition.statements.map(\.text)))::jsonb, steps_done = 0,
                stage = \(value: definition.stage.rawValue)::integer, bytes = \(value: definition.bytes)::bigint
            WHERE object_id = \(value: object.objectId)::integer
            """
        )
    }

    /// More is to be done for an object than was known; what is done stays done.
    package func extend(_ object: ObjectEntry, to definition: NewObject) throws {
        let done = Array(object.statements.prefix(object.stepsDone))
        let statements = done + definition.statements.map(\.text).filter { !done.contains($0) }
        try connection.execute(
            """
            UPDATE tidemark.object SET statements = \(value: try Self.json(statements))::jsonb
            WHERE object_id = \(value: object.objectId)::integer
            """
        )
    }

    /// The object's table, or a column of it, has another name: what is done stays done.
    package func rename(_ object: ObjectEntry, to definition: NewObject) throws {
        try connection.execute(
            """
            UPDATE tidemark.object
            SET statements = \(value: try Self.json(definition.statements.map(\.text)))::jsonb,
                schema_name = \(value: definition.table.schema), table_name = \(value: definition.table.name),
                object_name = \(value: definition.name)
            WHERE object_id = \(value: object.objectId)::integer
            """
        )
    }

    /// The target holds no rows of a table any more.
    package func forgetChunks(of relation: RelationEntry) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET mark = NULL, is_adopted = false, rows = 0, pass = 0, shed_snapshot = NULL, written_rows = NULL, proof = NULL
            WHERE relation_id = \(value: relation.relationId)::integer
            """
        )
    }

    /// Objects whose tables were entered after them.
    package func linkObjects() throws {
        try connection.execute(
            """
            UPDATE tidemark.object o SET relation_id = r.relation_id FROM tidemark.relation r
            WHERE o.relation_id IS NULL AND (r.schema_name, r.table_name) = (o.schema_name, o.table_name)
            """
        )
    }

    /// NOT NULL and CHECK that these tables of the target still lack; what was entered before for them is out of date.
    package func replaceRowConstraints(of tables: Set<QualifiedName>, with objects: [NewObject]) throws {
        for table in tables {
            try connection.execute(
                """
                DELETE FROM tidemark.object
                WHERE stage = \(value: RebuildStage.rowConstraint.rawValue)::integer
                  AND schema_name = \(value: table.schema) AND table_name = \(value: table.name)
                """
            )
        }
        try enter(objects)
    }

    /// Labels of an enum have other names: chunks are bounded by them.
    package func rename(
        labels: [ServerText: ServerText],
        of enumeration: QualifiedName,
        in relations: [RelationEntry]
    ) throws {
        guard !labels.isEmpty else { return }
        for relation in relations {
            let isOfEnumeration = (relation.key?.parts ?? []).map { part in
                relation.definition.column(part.name).map {
                    $0.typeKind == "e" && $0.typeSchema == enumeration.schema && $0.typeName == enumeration.name
                } ?? false
            }
            guard isOfEnumeration.contains(true) else { continue }
            func renamed(_ bound: [ServerText]?) -> [ServerText]? {
                bound.map { values in zip(values, isOfEnumeration).map { $1 ? labels[$0] ?? $0 : $0 } }
            }
            for chunk in try chunks() where chunk.relationId == relation.relationId {
                let range = KeyRange(lower: renamed(chunk.range.lower), upper: renamed(chunk.range.upper))
                try connection.execute(
                    """
                    UPDATE tidemark.chunk SET range = \(value: try Self.json(range))::jsonb
                    WHERE relation_id = \(value: chunk.relationId)::integer
                      AND chunk_number = \(value: chunk.chunkNumber)::integer
                    """
                )
            }
        }
    }
}
