import Archive
import Catalog
import Planning
import Postgres
import Rebuild
import Verification

/// The part of the proof that compares the catalogs, and the check whether the target is ready to be opened.
struct CatalogProof {
    let migration: Migration
    let triesInserts: Bool

    /// Compares all definitions and the positions of the sequences.
    func compareDefinitions(
        _ here: VerifiedSide,
        _ there: VerifiedSide,
        _ excluded: Set<QualifiedName>,
        _ omissions: Set<Omission>,
        _ purpose: String
    ) async throws -> VerificationResult {
        let told = try await ThreadConfined.with(migration.target, purpose: purpose) { target in
            try await target.run { try Wording($0).source(here.catalog, inWordsOf: there.catalog) }
        }
        let keys = DefinitionComparison(
            source: told,
            target: there.catalog,
            excluding: excluded,
            omissions: omissions
        ).result()
        let positions = SequenceComparison.result(
            source: here.sequences(excluding: excluded),
            target: there.sequences(excluding: excluded)
        )
        return try await compareObjects(here, there, excluded, omissions, purpose).merged(with: keys).merged(
            with: positions
        )
    }

    private func compareObjects(
        _ here: VerifiedSide,
        _ there: VerifiedSide,
        _ excluded: Set<QualifiedName>,
        _ omissions: Set<Omission>,
        _ purpose: String
    ) async throws -> VerificationResult {
        let versions = (here.catalog.identity.serverVersion, there.catalog.identity.serverVersion)
        let comparison = ObjectComparison(
            source: here.objects,
            target: there.objects,
            versions: versions,
            excluding: excluded,
            omissions: omissions
        )
        let doubts = comparison.doubts
        func judged(agreeing: Set<ObjectComparison.Doubt>) -> VerificationResult {
            var result = comparison.result(agreeing: agreeing)
            result.findings.removeAll { there.standing.covers(kind: $0.kind, object: ServerText($0.object)) }
            return result
        }
        guard !doubts.isEmpty else { return judged(agreeing: []) }
        let agreeing = try await ThreadConfined.with(migration.target, purpose: purpose) { target in
            try await target.run { try Reparsing($0).agreeing(doubts) }
        }
        return judged(agreeing: agreeing)
    }

    /// Checks whether the target is ready to be opened.
    func judgeReadiness(
        _ here: VerifiedSide,
        _ there: VerifiedSide,
        _ excluded: Set<QualifiedName>,
        _ omissions: Set<Omission>,
        _ purpose: String
    ) async throws -> VerificationResult {
        let readiness = Readiness(
            source: .init(catalog: here.catalog, objects: here.objects, facts: here.facts),
            target: .init(catalog: there.catalog, objects: there.objects, facts: there.facts),
            excluding: excluded,
            omissions: omissions
        ).result()
        guard triesInserts else { return readiness }
        let (stop, jobs) = (migration.stop, max(1, migration.options.jobs))
        let probe = InsertProbe(catalog: there.catalog, facts: there.facts, excluding: excluded)
        let attempts = try await withThrowingTaskGroup(of: InsertProbe.Attempts.self) { group in
            for share in 0..<jobs {
                group.addTask {
                    try await ThreadConfined.with(migration.target, purpose: purpose) { target in
                        try await target.run { connection in
                            try probe.attempt(share, of: jobs, on: connection) { stop.isRequested }
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        return probe.result(attempts).merged(with: readiness)
    }
}

/// What was read from the catalog of one side.
struct VerifiedSide: Sendable {
    let catalog: DatabaseCatalog
    let positions: [QualifiedName: SequencePosition]
    let largeObjects: [LargeObjectRange]
    let objects: [CatalogObject]
    let facts: ReadinessFacts
    /// Objects that may have existed on the target before.
    let standing: StandingObjects

    /// Takes what an archive recorded about the source; large objects are compared separately.
    init(_ generation: ArchiveDirectory.Generation, _ told: ArchivedCatalog, without omissions: Set<Omission>) {
        catalog = omissions.contains(.tablespaces) ? told.catalog.withoutTablespaces : told.catalog
        largeObjects = []
        objects = told.objects
        facts = told.facts
        standing = .none
        positions = Dictionary(
            generation.manifest.sequences.map { ($0.qualifiedName, $0.position) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Reads the catalog of a database.
    ///
    /// - Parameters:
    ///   - connection: A connection with an open transaction.
    ///   - omissions: What was not copied.
    /// - Throws: ``PostgresError``.
    init(of connection: Connection, without omissions: Set<Omission>) throws {
        let all = try DatabaseCatalog(inTransactionOf: connection)
        catalog = omissions.contains(.tablespaces) ? all.withoutTablespaces : all
        largeObjects = try LargeObjectRange.all(of: connection)
        objects = try CatalogObject.all(of: connection)
        facts = try ReadinessFacts(of: connection)
        standing = try StandingObjects(of: connection)
        positions = try SequenceSetter.positions(of: catalog.sequences.map(\.qualifiedName), on: connection)
    }

    func sequences(excluding excluded: Set<QualifiedName>) -> SequenceComparison.Side {
        SequenceComparison.Side(definitions: catalog.sequences(excluding: excluded), positions: positions)
    }
}
