package import Catalog
package import Postgres

/// The source's definitions in pieces whose locks the target's server has room for.
///
/// What a transaction makes it locks until it ends, in a table of fixed size that all sessions share (PostgreSQL manual
/// 20.12, `max_locks_per_transaction`). Mostly one piece is all: then they are there or not. With thousands of tables
/// there are several, and the ledger keeps what has been made, so that a run which was killed in between goes on after
/// it.
package struct DefinitionPieces: Sendable {
    /// A piece, to be run in one transaction and kept with it.
    package struct Piece: Sendable {
        package let script: SQL
        package let entries: [DefinitionEntry]
    }

    /// All but the last, each a transaction of its own.
    package let first: [Piece]
    /// To be run together with what the ledger is told of all.
    package let last: Piece
    /// Everything, in the order in which it is made.
    package let entries: [DefinitionEntry]

    /// Divides definitions.
    ///
    /// - Parameters:
    ///   - definitions: The source's.
    ///   - room: How many locks one transaction may take.
    ///   - made: What an earlier client has made already.
    ///   - standing: What is on the target anyhow, and taken as it is.
    /// - Throws: ``ToolError`` also where the source's definitions have changed since.
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
            // A table has a TOAST table with an index, and perhaps a sequence; it locks what it refers to.
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

    /// How many locks one transaction may take on a server: half of all there are.
    ///
    /// - Parameter connection: A connection to it.
    /// - Returns: The number.
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
