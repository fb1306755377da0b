package import Archive
package import Catalog
import Ledger
package import Postgres

/// Replaces the database's own rows in extensions' tables.
package enum ExtensionRows {
    /// Makes the target's tables equal to the wanted contents.
    ///
    /// It does so in one transaction with the ledger, because tables refer to one another. A table that is
    /// already equal is not touched, so a role that may only read it is enough.
    ///
    /// - Parameters:
    ///   - wanted: The wanted contents of the tables.
    ///   - target: A connection to the target without an open transaction.
    ///   - epoch: The run's epoch.
    ///   - load: Loads a table's rows with the given COPY; returns their number.
    /// - Returns: The number of rows loaded.
    /// - Throws: ``PostgresError``, ``LedgerError``, and what `load` throws.
    package static func replace(
        _ wanted: [ExtensionContents],
        on target: Connection,
        epoch: Int,
        _ load: (ExtensionTable, _ copyIn: SQL) throws -> Int
    ) throws -> Int {
        let there = try Dictionary(keepingFirst: ExtensionTable.all(of: target).map { ($0.qualifiedName, $0) })
        let pairs = try wanted.compactMap { wanted -> (wanted: ExtensionContents, there: ExtensionTable)? in
            guard let there = there[wanted.table.qualifiedName] else {
                guard wanted.rows > 0 else { return nil }
                throw PostgresError(
                    .unexpectedAnswer,
                    "extension \(wanted.table.extension.visible) has no table \(wanted.table.qualifiedName) on the target, "
                        + "but \(wanted.rows) rows in it on the source",
                    hint: "the extension has another version or schema on the target; "
                        + "leave the rows out with --exclude (precopy, cutover, dump)"
                )
            }
            return (wanted, there)
        }
        var differing = try Set(
            pairs.filter { try !ExtensionContents($0.there, on: target).holdsTheSame(as: $0.wanted) }.map(
                \.there.qualifiedName
            )
        )
        guard !differing.isEmpty else { return 0 }
        // Tables that refer to a replaced table are emptied before it and loaded again.
        while let referring = pairs.first(where: { pair in
            !differing.contains(pair.there.qualifiedName) && !differing.isDisjoint(with: pair.there.referenced)
        }) {
            differing.insert(referring.there.qualifiedName)
        }
        let order = inOrder(pairs.filter { differing.contains($0.there.qualifiedName) })
        return try target.transaction(.readWrite) {
            let ledger = Ledger(target, epoch: epoch)
            try ledger.fence()
            for pair in order.reversed() where !pair.there.isSequence {
                try during("emptying \(pair.there.qualifiedName)") { try target.execute(try pair.there.removal()) }
            }
            var rows = 0
            for pair in order {
                let name = pair.wanted.table.qualifiedName
                try during("copying the rows of \(name) of extension \(pair.wanted.table.extension.visible)") {
                    if let position = pair.wanted.position {
                        try target.execute(
                            """
                            SELECT pg_catalog.setval(\(value: name.quoted)::pg_catalog.regclass,
                                                     \(value: position.lastValue), \(value: String(position.isCalled)))
                            """
                        )
                    } else if pair.wanted.rows > 0 {
                        rows += try load(pair.wanted.table, pair.wanted.table.copyIn)
                    }
                }
                try ledger.record("extension rows", subject: name.description)
            }
            return rows
        }
    }

    /// Sorts each table after those it refers to; tables in a circle of references stay in the extension's order.
    private static func inOrder(
        _ pairs: [(wanted: ExtensionContents, there: ExtensionTable)]
    ) -> [(wanted: ExtensionContents, there: ExtensionTable)] {
        var (left, order) = (pairs, [(wanted: ExtensionContents, there: ExtensionTable)]())
        while !left.isEmpty {
            let names = Set(left.map(\.there.qualifiedName))
            let next = left.firstIndex { names.isDisjoint(with: $0.there.referenced) } ?? left.startIndex
            order.append(left.remove(at: next))
        }
        return order
    }
}
