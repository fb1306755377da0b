import Catalog
import Planning
import Postgres

extension Ledger {
    /// Finds unlogged tables that the target has lost the rows of, and makes their chunks due again.
    ///
    /// A server that crashes, or a standby that is promoted, empties every unlogged table (PostgreSQL manual, CREATE TABLE,
    /// UNLOGGED).
    ///
    /// - Parameter relations: The tables to check.
    /// - Returns: The tables whose rows have to be copied again.
    /// - Throws: ``PostgresError``.
    package func forgetEmptied(among relations: [RelationEntry]) throws -> [RelationEntry] {
        let unlogged = try relations.filter { relation in
            guard relation.treatment.copiesRows else { return false }
            return relation.definition.isPartitioned
                ? try hasUnloggedPartitions(relation) : relation.definition.persistence == .unlogged
        }
        guard !unlogged.isEmpty else { return [] }
        let held = try connection.query(
            "SELECT relation_id, sum(rows)::bigint AS rows FROM tidemark.chunk GROUP BY 1 HAVING sum(rows) > 0"
        ).map { (try $0.integer("relation_id"), try $0.integer("rows")) }
        let rows = Dictionary(keepingFirst: held)
        return try unlogged.filter { relation in
            guard let held = rows[relation.relationId] else { return false }
            let left = try connection.queryOne(
                "SELECT count(*) AS n FROM \(relation.rows) WHERE \(relation.held)"
            ).integer("n")
            guard left < held else { return false }
            // Some partitions may have kept their rows, and others may have been added since.
            if relation.definition.isPartitioned || left > 0 {
                try compareChunks(of: relation)
            } else {
                try forgetChunks(of: relation)
            }
            try record("emptied", subject: "\(relation.name): the target lost its rows", relation: relation.relationId)
            return true
        }
    }

    private func hasUnloggedPartitions(_ relation: RelationEntry) throws -> Bool {
        try connection.queryOne(
            """
            SELECT EXISTS (
                SELECT FROM pg_catalog.pg_partition_tree(\(literal: relation.name.quoted)::pg_catalog.regclass) p
                JOIN pg_catalog.pg_class c ON c.oid = p.relid
                WHERE c.relpersistence = 'u') AS f
            """
        ).boolean("f")
    }

    /// Makes the chunks be compared, because the target may hold some of their rows.
    private func compareChunks(of relation: RelationEntry) throws {
        try connection.execute(
            """
            UPDATE tidemark.chunk
            SET mark = NULL, is_adopted = true, pass = 0, shed_snapshot = NULL, written_rows = NULL, proof = NULL
            WHERE relation_id = \(value: relation.relationId)::integer
            """
        )
    }
}
