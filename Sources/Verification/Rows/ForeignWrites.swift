import Catalog
package import Ledger
package import Planning
package import Postgres
import Synchronization

/// Finds tables of the target that others have written to since a cutover left them.
///
/// A row that was inserted or updated since has an `xmin` at or above the mark; deleted rows are missing from the number
/// that the ledger records. Of large objects and extensions' tables only what was added or changed owners is seen. The
/// tables are shared by several connections.
package final class ForeignWrites: Sendable {
    private struct State {
        var open: [RelationEntry]
        var found: [String] = []
    }

    private let state: Mutex<State>
    private let mark: Mark
    private let held: [Int: Int]

    /// - Parameters:
    ///   - relations: The tables whose rows were copied.
    ///   - mark: The target as the cutover left it.
    ///   - held: The number of rows of each table by its id, as the ledger records it.
    package init(in relations: [RelationEntry], since mark: Mark, held: [Int: Int]) {
        // Taken from the end, the largest first.
        state = Mutex(State(open: relations.sorted { $0.tableBytes < $1.tableBytes }))
        self.mark = mark
        self.held = held
    }

    /// Looks at tables until none is left.
    ///
    /// - Parameter target: A connection to the target.
    /// - Throws: ``PostgresError``.
    package func look(on target: Connection) throws {
        while let relation = state.withLock({ $0.open.popLast() }) {
            let row = try during("looking for others' writes to \(relation.name)") {
                try target.queryOne(
                    """
                    SELECT count(*) AS rows, count(*) FILTER (WHERE \(ProofRule.isWritten(since: mark))) AS written
                    FROM \(relation.rows) WHERE \(relation.held)
                    """
                )
            }
            let (rows, written) = (try row.integer("rows"), try row.integer("written"))
            // A crash of the server empties it; then it is copied again.
            guard rows > 0 || relation.definition.persistence != .unlogged else { continue }
            let missing = (held[relation.relationId] ?? 0) - (rows - written)
            guard written > 0 || missing != 0 else { continue }
            let parts = [
                written > 0 ? "\(written) inserted or updated" : nil,
                missing > 0 ? "\(missing) deleted or updated" : nil,
                missing < 0 ? "\(-missing) unknown" : nil,
            ]
            let finding = "\(relation.name) (rows: \(parts.compactMap(\.self).joined(separator: ", ")))"
            state.withLock { $0.found.append(finding) }
        }
    }

    /// Looks at what is copied but has no line in the ledger: large objects, and rows in extensions' own tables.
    ///
    /// - Parameters:
    ///   - extensionTables: The extensions' tables that are copied.
    ///   - target: A connection to the target.
    /// - Throws: ``PostgresError``.
    package func lookBesideTables(_ extensionTables: [QualifiedName], on target: Connection) throws {
        let isThere = try Set(ExtensionTable.all(of: target).filter(\.isReadable).map(\.qualifiedName))
        let places: [(what: String, rows: SQL)] =
            [("large objects", "pg_catalog.pg_largeobject_metadata")]
            + extensionTables.filter(isThere.contains).map { ($0.description, "\($0)") }
        for place in places {
            let written = try during("looking for others' writes to \(place.what)") {
                try target.queryOne(
                    "SELECT count(*) AS n FROM \(place.rows) WHERE \(ProofRule.isWritten(since: mark))"
                ).integer("n")
            }
            guard written > 0 else { continue }
            state.withLock { $0.found.append("\(place.what) (\(written) inserted or updated)") }
        }
    }

    /// The tables that were written to, and what was done, sorted.
    package var found: [String] { state.withLock { $0.found.sorted() } }
}
