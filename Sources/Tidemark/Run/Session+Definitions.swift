import Catalog
import Postgres
import Rebuild

/// The source's definitions as a session reads them.
extension Session {
    /// Returns a mark of the definitions from before the cutover's snapshot.
    func earlyMark(of source: Endpoint) async throws -> DefinitionsMark {
        if let followed { return followed.mark }
        return try await Connection.with(source, purpose: purpose("definitions")) {
            try DefinitionsMark(of: $0)
        }
    }

    /// Reads the source's current definitions.
    func dumpDefinitions(of database: Endpoint) async throws -> SourceDefinitions {
        let (mark, access) = try await Connection.with(database, purpose: purpose("definitions")) {
            (try DefinitionsMark(of: $0), try Definitions.Access($0))
        }
        let definitions = try await Definitions(
            of: access,
            tools: tools,
            scratch: context.options.scratchDirectory,
            excluding: scope.excluded.union(source.sequencesServing(only: scope.excluded)),
            purpose: purpose("definitions"),
            options: Definitions.Options(context.options)
        )
        return SourceDefinitions(
            definitions: definitions,
            entries: try await definitions.preDataEntries(),
            mark: mark
        )
    }

    /// Returns the source's definitions in a snapshot; reuses the ones just followed if no catalog changed since.
    ///
    /// - Parameters:
    ///   - database: The source.
    ///   - holder: The connection that holds the snapshot.
    /// - Returns: The definitions.
    /// - Throws: ``ToolError``, ``PostgresError``.
    func definitions(of database: Endpoint, in holder: ThreadConfined<Connection>) async throws -> SourceDefinitions {
        if let followed, try await holder.run({ try followed.mark.holds(on: $0) }) { return followed }
        return try await dumpDefinitions(of: database)
    }

    /// Compares the source's current definitions with those that were copied; reports each difference as a note.
    func definitionChanges(now entries: [DefinitionEntry]) async throws -> VerificationResult {
        let kept = try await control.run { try Ledger($0).definitions() }
        let definitions = DefinitionChanges(earlier: kept, later: entries)
        var changes = definitions.result()
        if !changes.findings.isEmpty {
            // The same change may have been made by hand on the target, or as part of another one.
            let there = try await Definitions.entries(
                on: context.target,
                tools: tools,
                context.options,
                purpose: purpose("definitions")
            )
            let present = Dictionary(keepingFirst: there.map { ($0.listed, $0.statement) })
            let wanted = Dictionary(keepingFirst: entries.map { ($0.listed, $0.statement) })
            changes = definitions.result { wanted[$0.listed] != present[$0.listed] }
        }
        for finding in changes.findings {
            context.note("the target does not have this change of definition: \(finding.object)")
        }
        return changes
    }
}
