package import Ledger
package import Postgres

/// The steps on the target for one key, index or constraint that is missing, not enforced or different there.
package struct Repair: Sendable {
    /// One statement, and how it behaves on a target that is in use.
    package struct Step: Sendable {
        package let statement: SQL
        package let manner: Manner
        /// The tablespace for it; nil: the target's default.
        package var tablespace: ServerText?

        /// The statements as a script for the operator.
        package var script: [ServerText] {
            guard let tablespace else { return [statement.text] }
            let place: SQL = "SET default_tablespace = \(Identifier(tablespace))"
            return [place.text, statement.text, "RESET default_tablespace"]
        }
    }

    /// How a statement affects other sessions that use the table.
    package enum Manner: Sendable {
        /// Does not block readers or writers, and must run outside a transaction (PostgreSQL manual, CREATE INDEX,
        /// *Building Indexes Concurrently*).
        case concurrent
        /// Needs a strong lock for a moment; waits for it only briefly, so that no queue forms behind it.
        case brief
        /// Reads the whole table without blocking readers or writers.
        case scan
        /// Blocks writers until it is done.
        case blocking
    }

    /// A table's constraint, by name.
    package struct Constrained: Sendable {
        package let table: QualifiedName
        package let name: ServerText
    }

    package let stage: RebuildStage
    package let table: QualifiedName
    /// The object's description: `primary key public.t_pkey on public.t`.
    package let object: String
    /// What is wrong with it, as a predicate: *missing*, *not validated*.
    package let reason: String
    package private(set) var steps: [Step]
    /// The size of the source's index in bytes, which decides the order.
    package let bytes: Int
    /// Foreign keys that are validated as part of it.
    package var constraints: [Constrained] = []
    /// Columns that must be unique; their duplicates are listed if the build fails.
    package let uniqueColumns: [ServerText]

    /// The same in two parts: up to its last build that blocks writers, and the short steps after it.
    ///
    /// All builds come first: the take-over of a finished index would wait for the other builds on its table, and they
    /// for it.
    package var parts: (build: Repair?, rest: Repair?) {
        let end = steps.lastIndex { $0.manner == .blocking }.map { $0 + 1 } ?? 0
        func part(_ range: Range<Int>) -> Repair? {
            guard !range.isEmpty else { return nil }
            var part = self
            part.steps = Array(steps[range])
            return part
        }
        return (part(0..<end), part(end..<steps.count))
    }
}
