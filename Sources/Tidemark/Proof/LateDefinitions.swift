import Catalog
import Planning
import Postgres
import Rebuild
import Verification

/// Checks whether the source's definitions and sequences have changed since the snapshot that was proven.
///
/// Locks do not prevent the creation of an index, a function or a grant, and no counter of rows shows it.
struct LateDefinitions {
    private static let shown = 5

    let session: Session
    let source: Endpoint

    /// Returns what has changed since the snapshot.
    ///
    /// - Parameters:
    ///   - mark: A mark of the definitions from before the snapshot.
    ///   - holder: The connection that holds the snapshot.
    /// - Returns: Up to two lines for the report; empty if nothing has changed.
    /// - Throws: ``PostgresError``.
    func changes(since mark: DefinitionsMark, heldBy holder: ThreadConfined<Connection>) async throws -> [String] {
        try await ThreadConfined.with(source, purpose: session.purpose("definitions")) { source in
            let scope = session.scope
            let moved = try await movedSequences(source)
            let isSame = try await source.run { connection in
                try connection.transaction(.snapshot) { try mark.holds(on: connection) }
            }
            let settings = try await (
                holder.run { try DatabaseSettings(of: $0) }, source.run { try DatabaseSettings(of: $0) }
            )
            if isSame, settings.0 == settings.1 { return moved }
            // The catalogs also change with autovacuum's statistics, temporary tables and roles of other databases. So
            // compare the definitions themselves.
            let now = try await source.run { connection in
                try connection.transaction(.snapshot) { try VerifiedSide(of: connection, in: scope) }
            }
            let then = try await holder.run { try VerifiedSide(of: $0, in: scope) }
            let objects = differences(from: then, to: now)
            return objects.isEmpty ? moved : [Self.line("definitions", "changed", listing: objects)] + moved
        }
    }

    private func differences(from then: VerifiedSide, to now: VerifiedSide) -> [String] {
        let version = now.catalog.identity.serverVersion
        let objects = ObjectComparison(
            source: now.objects,
            target: then.objects,
            versions: (version, version),
            scope: session.scope
        ).result()
        let keys = DefinitionComparison(
            source: now.catalog,
            target: then.catalog.withoutUnusableIndexes,
            scope: session.scope
        ).result()
        return (objects.findings + keys.findings).map { "\($0.kind) \($0.object.visible)" }
    }

    /// Sequences ignore snapshots, so the target's must match the source's current positions.
    private func movedSequences(_ source: ThreadConfined<Connection>) async throws -> [String] {
        let sequences = session.sequences
        let names = sequences.map(\.qualifiedName)
        // Some may have been dropped since, on either side.
        @Sendable func positions(on connection: Connection) throws -> [QualifiedName: SequencePosition] {
            let there = Set(try connection.query(SequenceDefinition.self, CatalogQuery.sequences).map(\.qualifiedName))
            return try SequenceSetter.positions(of: names.filter(there.contains), on: connection)
        }
        let ours = try await source.run { try positions(on: $0) }
        let target = session.context.target
        let theirs = try await Connection.with(target, purpose: session.purpose("sequences")) { try positions(on: $0) }
        let behind = SequenceComparison.result(
            source: .init(definitions: sequences, positions: ours),
            target: .init(definitions: sequences, positions: theirs)
        ).findings.map(\.object.visible)
        return behind.isEmpty ? [] : [Self.line("sequences", "moved", listing: behind)]
    }

    private static func line(_ what: String, _ verb: String, listing names: [String]) -> String {
        "\(what) of the source \(verb) after the snapshot, and the target does not have this change: "
            + names.prefix(shown).joined(separator: ", ")
            + (names.count > shown ? ", and \(names.count - shown) more" : "")
    }
}
