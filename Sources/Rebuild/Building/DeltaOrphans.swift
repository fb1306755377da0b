package import Catalog
package import Ledger
package import Planning
package import Postgres
import Synchronization

/// Looks for rows that refer to missing rows, among those that were copied while the foreign keys stayed validated and did
/// not act.
///
/// All others were checked when the constraint was validated. A row whose referenced row was deleted since is not looked for:
/// it is the source's own violation, and the proof of the rows shows that the target has the source's rows.
package final class DeltaOrphans: Sendable {
    private struct Item: Sendable {
        let relation: RelationEntry
        let chunk: ChunkEntry
        let constraint: ServerText
    }

    private let items: Mutex<[Item]>
    private let orphans = Mutex<[String]>([])
    private let mark: Mark

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - relations: The tables in the ledger.
    ///   - chunks: The chunks into which rows were copied.
    ///   - mark: The target as it was when all foreign keys held.
    package init(_ source: DatabaseCatalog, _ relations: [RelationEntry], in chunks: [ChunkEntry], since mark: Mark) {
        let keys = Dictionary(
            grouping: source.constraints.filter { $0.kind == .foreignKey && $0.isValidated },
            by: \.tableQualifiedName
        )
        let byId = Dictionary(uniqueKeysWithValues: relations.map { ($0.relationId, $0) })
        items = Mutex(
            chunks.flatMap { chunk -> [Item] in
                guard let relation = byId[chunk.relationId] else { return [] }
                return (keys[relation.name] ?? []).map { Item(relation: relation, chunk: chunk, constraint: $0.name) }
            }
        )
        self.mark = mark
    }

    /// The number of checks that are left.
    package var count: Int { items.withLock(\.count) }

    /// Checks until nothing is left.
    ///
    /// - Parameters:
    ///   - target: A connection to the target.
    ///   - stop: Asked between two checks; a request ends the work.
    /// - Throws: ``PostgresError``.
    package func look(on target: Connection, stop: StopRequest) throws {
        let oldest = UInt32(truncatingIfNeeded: mark.snapshot.xmin)
        while !stop.isRequested, let item = items.withLock({ $0.popLast() }) {
            let inRange = item.relation.key.map(item.chunk.range.condition(on:)) ?? "true"
            let found = try during("checking \(item.relation.name) for rows that refer to missing rows") {
                try ForeignKeyOrphans.find(
                    item.constraint,
                    of: item.relation.name,
                    among:
                        "\(inRange) AND pg_catalog.age(c.xmin) <= pg_catalog.age(\(literal: String(oldest))::pg_catalog.xid)",
                    on: target
                )
            }
            if let found { orphans.withLock { $0.append(found) } }
        }
    }

    /// Fails if there are any.
    ///
    /// - Throws: ``PostgresError`` that lists them.
    package func throwIfAny() throws {
        let found = orphans.withLock { $0.sorted() }
        guard !found.isEmpty else { return }
        throw PostgresError(
            .statementFailed,
            found.joined(separator: "\n"),
            sqlState: "23503",
            hint: ForeignKeyOrphans.hint
        )
    }
}
