package import Catalog
package import Planning
package import Postgres

/// Records how the target has followed changes of the source's tables.
extension Ledger {
    /// The file nodes from which the chunks of each table were read.
    package func fileNodes() throws -> [Int: Set<UInt32>] {
        let marks = try chunks().map { ($0.relationId, $0.mark) } + slices().map { ($0.relationId, $0.mark) }
        return Dictionary(grouping: marks, by: \.0).mapValues { Set($0.compactMap { $0.1?.fileNode }) }
    }

    /// Removes a table that was dropped on the target.
    package func remove(_ relation: RelationEntry) throws {
        for table in ["object", "slice", "chunk", "relation"] as [Identifier] {
            try connection.execute(
                "DELETE FROM tidemark.\(table) WHERE relation_id = \(value: relation.relationId)::integer"
            )
        }
    }

    /// Records that the target's table now matches `definition`.
    ///
    /// - Parameters:
    ///   - relation: The table as recorded so far.
    ///   - definition: The source's table now.
    ///   - plan: The plan the table would have if the run began now.
    ///   - isCopiedAgain: Whether the target's table was emptied; then the plan's chunks replace the old ones.
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
        // The change may have altered values without leaving a trace in the rows.
        try connection.execute(
            "UPDATE tidemark.chunk SET proof = NULL WHERE relation_id = \(value: id)::integer"
        )
        guard isCopiedAgain else { return }
        try forgetSlices(of: id)
        try connection.execute("DELETE FROM tidemark.chunk WHERE relation_id = \(value: id)::integer")
        try enterChunks(of: id, plan)
    }

    /// Gives tables temporary names so that other tables can take theirs: two tables may have swapped names.
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

    /// Records that the target has dropped an object that changed or no longer exists on the source.
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

    /// Adds statements to an object; finished statements stay finished.
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

    /// Records the new name of an object's table or of a column; finished statements stay finished.
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

    /// Records that the target no longer has any rows of a table.
    package func forgetChunks(of relation: RelationEntry) throws {
        try forgetSlices(of: relation.relationId)
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET mark = NULL, is_adopted = false, rows = 0, pass = 0, shed_snapshot = NULL, written_rows = NULL, proof = NULL
            WHERE relation_id = \(value: relation.relationId)::integer
            """
        )
    }

    /// Links objects to tables that were entered later.
    package func linkObjects() throws {
        try connection.execute(
            """
            UPDATE tidemark.object o SET relation_id = r.relation_id FROM tidemark.relation r
            WHERE o.relation_id IS NULL AND (r.schema_name, r.table_name) = (o.schema_name, o.table_name)
            """
        )
    }

    /// Replaces the recorded NOT NULL and CHECK constraints of tables by those the target still lacks.
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

    /// Renames enum labels in the bounds of chunks.
    package func rename(
        labels: [ServerText: ServerText],
        of enumeration: QualifiedName,
        in relations: [RelationEntry]
    ) throws {
        guard !labels.isEmpty else { return }
        for relation in relations {
            let isOfEnumeration = (relation.key?.parts ?? []).map { part in
                relation.definition.column(part.name).map {
                    $0.typeKind == .enumeration && $0.typeSchema == enumeration.schema
                        && $0.typeName == enumeration.name
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
