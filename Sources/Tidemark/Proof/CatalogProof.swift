import Archive
import Catalog
import Planning
import Postgres
import Rebuild
import Verification

/// The part of the proof that compares the catalogs, and the check whether the target is ready to be opened.
struct CatalogProof {
    let context: RunContext
    let triesInserts: Bool
    /// Receives the tables into which one row was written and rolled back.
    var noteWritten: @Sendable ([QualifiedName]) async throws -> Void = { _ in }

    /// Compares all definitions and the positions of the sequences.
    func compareDefinitions(
        of here: VerifiedSide,
        with there: VerifiedSide,
        in scope: Scope,
        purpose: String
    ) async throws -> VerificationResult {
        let worded = try await Connection.with(context.target, purpose: purpose) {
            try Wording($0).source(here.catalog, inWordsOf: there.catalog)
        }
        let keys = DefinitionComparison(
            source: worded,
            target: there.catalog,
            scope: scope
        ).result()
        let positions = SequenceComparison.result(
            source: here.sequences(in: scope),
            target: there.sequences(in: scope)
        )
        return try await compareObjects(of: here, with: there, in: scope, purpose: purpose)
            .merged(with: keys).merged(with: positions)
    }

    private func compareObjects(
        of here: VerifiedSide,
        with there: VerifiedSide,
        in scope: Scope,
        purpose: String
    ) async throws -> VerificationResult {
        let versions = (here.catalog.identity.serverVersion, there.catalog.identity.serverVersion)
        let comparison = ObjectComparison(
            source: here.objects,
            target: there.objects,
            versions: versions,
            scope: scope
        )
        let doubts = comparison.doubts
        func judged(agreeing: Set<ObjectComparison.Doubt>) -> VerificationResult {
            var result = comparison.result(agreeing: agreeing)
            result.findings.removeAll { there.standing.covers(kind: $0.kind, object: ServerText($0.object)) }
            return result
        }
        guard !doubts.isEmpty else { return judged(agreeing: []) }
        let agreeing = try await Connection.with(context.target, purpose: purpose) {
            try Reparsing($0).agreeing(doubts)
        }
        return judged(agreeing: agreeing)
    }

    /// Checks whether the target is ready to be opened.
    func judgeReadiness(
        of there: VerifiedSide,
        comparedWith here: VerifiedSide,
        in scope: Scope,
        purpose: String
    ) async throws -> VerificationResult {
        guard !scope.isStage else { return VerificationResult(method: "catalog") }
        var facts = there.facts
        if facts.perhapsEmpty?.contains(where: scope.contains) == true {
            facts = try await Connection.with(context.target, purpose: purpose) { [facts] in
                try facts.lookingForRows(on: $0, where: scope.contains)
            }
        }
        let readiness = Readiness(
            source: .init(catalog: here.catalog, objects: here.objects, facts: here.facts),
            target: .init(catalog: there.catalog, objects: there.objects, facts: facts),
            scope: scope
        ).result()
        guard triesInserts else { return readiness }
        let probe = InsertProbe(catalog: there.catalog, facts: there.facts, scope: scope)
        let (stop, jobs) = (context.stop, max(1, min(context.options.jobs, probe.batches)))
        let attempts = try await Connection.each(jobs, context.target, purpose: purpose) { connection, number in
            try probe.attempt(number - 1, of: jobs, on: connection, stop: stop)
        }
        try await noteWritten(attempts.flatMap(\.counted))
        // A request may have ended it before all tables were tried.
        try context.stop.check()
        return probe.result(attempts).merged(with: readiness)
    }
}
