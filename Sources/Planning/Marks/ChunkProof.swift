package import Postgres

/// A proof that the rows of a chunk were the same on both sides at a certain time.
///
/// It remains valid while none of these rows is written or removed on either side; the delta rule shows that, on the
/// target as on the source. Rows added later are not covered and have to be compared.
package struct ChunkProof: Sendable, Hashable, Codable {
    /// The state of the source's table when its rows were read.
    package let source: TableState
    /// The state of the target's table when its rows were read.
    package let target: TableState
    /// The pass after which the proof was made.
    package let pass: Int?
    /// Whether rows were removed since, so that their number no longer proves anything; nil means no.
    package private(set) var isReduced: Bool?
    /// The number of proven rows.
    package let rows: Int
    /// The method by which they were hashed.
    package let method: String
    /// The sum of their hashes.
    package let sum: String

    package init(source: TableState, target: TableState, pass: Int, rows: Int, method: String, sum: String) {
        self.source = source
        self.target = target
        self.pass = pass
        self.rows = rows
        self.method = method
        self.sum = sum
    }

    /// What happens to a chunk's proof with its next mark.
    package enum Fate: String, Sendable {
        /// Rows may have been added, none were removed.
        case stands
        /// Rows were removed (updated or deleted); the proof remains valid for the others.
        case reduced
        /// All rows of the chunk were copied again.
        case void

        /// The expression for the new proof, on `tidemark.chunk c`.
        package var sql: SQL {
            switch self {
            case .stands: "c.proof"
            case .reduced: #"c.proof || '{"isReduced": true}'"#
            case .void: "NULL"
            }
        }
    }

    /// Whether the rows of both tables show what was written since; otherwise all rows have to be read again.
    ///
    /// A table whose file was rewritten always has to be read again.
    package func canStand(source here: TableState, target there: TableState) -> Bool {
        source.showsWrites(until: here) && target.showsWrites(until: there)
    }
}
