package import Catalog
package import Postgres

/// The source's definitions in pieces whose locks fit the target's lock table.
///
/// A transaction locks what it creates until it ends, in a table of fixed size that all sessions share (PostgreSQL
/// manual 20.12, `max_locks_per_transaction`). Usually there is one piece, which is created completely or not at all.
/// With thousands of tables there are several; the ledger records what has been created, so that a killed run resumes
/// after that.
package struct DefinitionPieces: Sendable {
    /// A piece, to be run and recorded in one transaction.
    package struct Piece: Sendable {
        package let script: SQL
        package let entries: [DefinitionEntry]
    }

    /// All pieces but the last, each to be run in its own transaction.
    package let first: [Piece]
    /// The last piece, to be run in the transaction that records the rest in the ledger.
    package let last: Piece
    /// All entries, in the order in which they are created.
    package let entries: [DefinitionEntry]

    /// Divides definitions.
    ///
    /// - Parameters:
    ///   - definitions: The source's definitions.
    ///   - room: The number of locks one transaction may take.
    ///   - made: The entries that an earlier client has already created.
    ///   - standing: Objects that the target already has and that are used as they are.
    /// - Throws: ``ToolError``, also if the source's definitions have changed since.
    package init(
        of definitions: Definitions,
        room: Int,
        made: [DefinitionEntry],
        beside standing: StandingObjects
    ) async throws {
        entries = try await definitions.preDataEntries()
        let there = Set(made.map { Made($0) })
        guard there.isSubset(of: entries.map { Made($0) }) else {
            throw ToolError(
                "the source's definitions changed while they were being created on the target in several transactions",
                hint:
                    "start over with an empty target: drop the target database, with everything in it, and create it again"
            )
        }
        let groups = Self.groups(entries.filter { !there.contains(Made($0)) }, room: room)
        guard groups.count > 1 || !made.isEmpty || entries.contains(where: standing.covers) else {
            first = []
            last = Piece(script: try await definitions.preData(), entries: entries)
            return
        }
        var pieces: [Piece] = []
        for group in groups {
            let script = try await definitions.script(of: group.filter { !standing.covers($0) })
            pieces.append(Piece(script: script, entries: group))
        }
        last = pieces.popLast() ?? Piece(script: "", entries: [])
        first = pieces
    }

    private struct Made: Hashable {
        let identity: ServerText
        let statement: ServerText

        init(_ entry: DefinitionEntry) {
            identity = entry.identity
            statement = entry.statement
        }
    }

    private static func groups(_ entries: [DefinitionEntry], room: Int) -> [[DefinitionEntry]] {
        var groups: [[DefinitionEntry]] = []
        var left = 0
        for entry in entries {
            // A table may have a TOAST table with an index and a sequence, and locks what it refers to.
            let locks = DefinitionTrial.locks(of: entry)
            if locks > left || groups.isEmpty {
                groups.append([])
                left = room
            }
            groups[groups.count - 1].append(entry)
            left -= locks
        }
        return groups
    }

    /// Returns how many locks one transaction may take on a server: half of its lock table.
    ///
    /// - Parameter connection: A connection to the server.
    /// - Returns: The number of locks.
    /// - Throws: ``PostgresError``.
    package static func room(on connection: Connection) throws -> Int {
        try connection.queryOne(
            """
            SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint
                   * (pg_catalog.current_setting('max_connections')::bigint
                      + pg_catalog.current_setting('max_prepared_transactions')::bigint) / 2 AS room
            """
        ).integer("room")
    }
}
