import Catalog
import Ledger
import Planning
import Postgres

/// The schemas and extensions that a call asks to leave out for the first time.
struct OmittedNames {
    private let schemas: Set<ServerText>
    private let extensions: Set<ServerText>

    /// - Parameters:
    ///   - omissions: What the call leaves out.
    ///   - begun: What the run that has begun leaves out.
    init(_ omissions: Set<Omission>, besides begun: Set<Omission> = []) {
        let new = omissions.subtracting(begun)
        (schemas, extensions) = (new.schemas, new.extensions)
    }

    /// Refuses names that the source does not have: nothing would be left out.
    ///
    /// - Parameter source: A connection to the source.
    /// - Throws: ``PlanError`` with the names there are, ``PostgresError``.
    func refuseUnknown(on source: Connection) throws {
        guard !(schemas.isEmpty && extensions.isEmpty) else { return }
        let there = try source.query(
            """
            SELECT n.nspname AS schema, NULL AS extension FROM pg_catalog.pg_namespace n
            WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark') AND n.nspname !~ '^pg_(toast|temp)'
            UNION ALL SELECT NULL, e.extname FROM pg_catalog.pg_extension e
            """
        )
        try Self.refuse(schemas, unless: Set(there.compactMap { $0["schema"] }), "schema", Omission.schema)
        try Self.refuse(extensions, unless: Set(there.compactMap { $0["extension"] }), "extension", Omission.extension)
    }

    private static func refuse(
        _ asked: Set<ServerText>,
        unless known: Set<ServerText>,
        _ kind: String,
        _ omission: (ServerText) -> Omission
    ) throws {
        guard let unknown = asked.subtracting(known).min() else { return }
        let names = known.sorted().prefix(20).map { Identifier($0).description }
        throw PlanError(
            .usage,
            "the source has no \(kind) \(Identifier(unknown)), which \(omission(unknown).flag) names",
            hint: names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"
        )
    }

    /// Refuses schemas that a run has copied already: what is there would have to be dropped.
    ///
    /// - Parameter begun: The run.
    /// - Throws: ``PlanError``.
    func refuseCopied(by begun: BegunRun) throws {
        guard let copied = schemas.intersection(begun.schemas).min() else { return }
        throw PlanError(
            .usage,
            "schema \(Identifier(copied)) was copied when the run began, and \(Omission.schema(copied).flag) leaves it out only from the beginning",
            hint:
                "call without it; or start over: tidemark finish --abandon, an empty target, then precopy with it"
        )
    }
}
