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

    /// Reads the source's current definitions: by `pg_dump`, or from the ledger if nothing has changed since it kept them.
    func readDefinitions(of database: Endpoint) async throws -> SourceDefinitions {
        let (request, options) = (requestForDefinitions, Definitions.Options(context.options))
        let kept = try await control.run { try Ledger($0).markOfDefinitionFile(request: request) }
        let (mark, access) = try await Connection.with(database, purpose: purpose("definitions")) { connection in
            if let kept, try connection.transaction(.snapshot, { try kept.holds(on: connection) }) {
                return (kept, nil as Definitions.Access?)
            }
            return (try DefinitionsMark(of: connection), try Definitions.Access(connection))
        }
        let definitions: Definitions
        if let access {
            definitions = try await Definitions(
                of: access,
                tools: tools,
                scratch: context.options.scratchDirectory,
                excluding: excludedFromDefinitions,
                purpose: purpose("definitions"),
                options: options
            )
            try await keep(definitions, at: mark)
        } else {
            let file = try await control.run { try Ledger($0).definitionFile() }
            definitions = try Definitions(
                kept: file,
                tools: tools,
                scratch: context.options.scratchDirectory,
                options: options
            )
        }
        return SourceDefinitions(
            definitions: definitions,
            entries: try await definitions.preDataEntries(),
            mark: mark
        )
    }

    /// Keeps definitions in the ledger, so that the next command need not read them again.
    ///
    /// - Parameters:
    ///   - definitions: What `pg_dump` has written.
    ///   - mark: A mark of the source's catalogs from before.
    /// - Throws: ``ToolError``, ``LedgerError``, ``PostgresError``.
    func keep(_ definitions: Definitions, at mark: DefinitionsMark) async throws {
        let (file, request) = (try definitions.file(), requestForDefinitions)
        try await ledger { try $0.keepDefinitionFile(file, at: mark, request: request) }
    }

    private var excludedFromDefinitions: Set<QualifiedName> {
        scope.excluded.union(source.sequencesServing(only: scope.excluded))
    }

    /// What the definitions depend on besides the source's catalogs.
    private var requestForDefinitions: String {
        let identity = source.identity
        let whose = [
            "pg_dump \(tools.version)", "server \(identity.serverVersion)", identity.roleName.string,
            markIdentity.description,
        ]
        let schemas = scope.omissions.schemas.sorted().map { "schema \(Identifier($0).quoted.string)" }
        return (whose + excludedFromDefinitions.sorted().map(\.quoted) + schemas).joined(separator: "\n")
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
        return try await readDefinitions(of: database)
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
