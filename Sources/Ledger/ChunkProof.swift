import Postgres

/// That the rows of a chunk were found to be the same on both sides, and when.
///
/// They still are while none of them was written or removed on either side since: the rule of the delta tells, on the
/// source as on the target. Rows that have come since are beside them, and have to be compared.
package struct ChunkProof: Sendable, Hashable, Codable {
    /// The source's table when its rows were read.
    package let source: TableState
    /// The target's.
    package let target: TableState
    /// The pass it was made after.
    package let pass: Int?
    /// Whether rows have gone since, so that their number says nothing any more; nil: no.
    package private(set) var isReduced: Bool?
    /// How many rows there were.
    package let rows: Int
    /// How they were hashed.
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

    /// What becomes of a chunk's proof with its next mark.
    package enum Fate: String, Sendable {
        /// Rows may have come, none went.
        case stands
        /// Rows went, by being updated or deleted; what is said of the others stays true.
        case reduced
        /// Its rows were brought anew.
        case void

        var sql: SQL {
            switch self {
            case .stands: "c.proof"
            case .reduced: #"c.proof || '{"isReduced": true}'"#
            case .void: "NULL"
            }
        }
    }

    /// Whether the rows of both tables can be asked what was written since; else they have to be read again.
    ///
    /// A table whose file was written anew is read again whatever its rows tell.
    package func canStand(source here: TableState, target there: TableState) -> Bool {
        source.tells(of: here) && target.tells(of: there)
    }
}
