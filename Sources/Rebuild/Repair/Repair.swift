package import Ledger
package import Postgres

/// What has to be done on the target for one key, index or constraint that is missing there, not enforced or different.
package struct Repair: Sendable {
    /// One statement, and how it behaves on a target that is in use.
    package struct Step: Sendable {
        package let statement: SQL
        package let manner: Manner
        /// Where it is made; nil: wherever the target's default is.
        package var tablespace: ServerText?

        /// The statements, for people.
        package var script: [ServerText] {
            guard let tablespace else { return [statement.text] }
            let place: SQL = "SET default_tablespace = \(Identifier(tablespace))"
            return [place.text, statement.text, "RESET default_tablespace"]
        }
    }

    /// What a statement does to those who use the table meanwhile.
    package enum Manner: Sendable {
        /// Lets readers and writers go on, and must run outside a transaction (PostgreSQL manual, CREATE INDEX,
        /// *Building Indexes Concurrently*).
        case concurrent
        /// Needs a strong lock for a moment: asked for with patience so short that nobody queues up behind it.
        case brief
        /// Reads the whole table and lets readers and writers go on.
        case scan
        /// Keeps writers out until it is done.
        case blocking
    }

    /// A table's constraint, by name.
    package struct Constrained: Sendable {
        package let table: QualifiedName
        package let name: ServerText
    }

    package let stage: RebuildStage
    package let table: QualifiedName
    /// The object, for people: `primary key public.t_pkey on public.t`.
    package let object: String
    /// What is wrong with it, for people.
    package let reason: String
    package private(set) var steps: [Step]
    /// The size of the source's index, for the order.
    package let bytes: Int
    /// Foreign keys that are validated on the way.
    package var constraints: [Constrained] = []
    /// Columns that must be unique, where duplicates may stand in the way.
    package let uniqueColumns: [ServerText]

    /// The same in two parts: up to its last build that keeps writers out, and what is a moment's work after it.
    ///
    /// All builds first: a take-over of a finished index would wait for the others of its table, and they for it.
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
