import Archive
import Catalog
import Planning
import Postgres
import Transfer
import Verification

/// Compares a target with what an archive recorded: definitions by attributes, rows by fingerprints.
struct ArchiveVerify {
    let context: RunContext
    let recorder: RunRecorder
    let generation: ArchiveDirectory.Generation
    let recorded: ArchivedCatalog
    let scope: Scope
    let purpose: String
    let triesInserts: Bool

    /// Returns a comparison for a target that has all rows but is not finished yet.
    ///
    /// - Returns: nil if no table is large, because comparing the rows at the end then takes little time.
    /// - Throws: ``PostgresError``.
    func comparison() async throws -> RecordedComparison? {
        guard generation.manifest.tables.contains(where: { $0.chunks.count > 1 }) else { return nil }
        let (there, answers) = try await Connection.with(context.target, purpose: purpose) {
            (try DatabaseCatalog(of: $0), try RowHash.Answers(of: $0))
        }
        return comparison(
            source: VerifiedSide(generation, recorded, in: scope).catalog,
            target: there,
            answers: answers
        )
    }

    /// Compares the rows of large tables, each range in its own snapshot.
    ///
    /// ``run(_:)`` checks afterwards whether the results remain valid.
    func compareAhead(_ comparison: RecordedComparison) async throws {
        try await onConnections { connection in
            let identity = MarkIdentity(try DatabaseIdentity(of: connection))
            try comparison.compareAhead(on: connection, identity)
        }
    }

    /// Compares the target in one snapshot.
    ///
    /// - Parameter ahead: A comparison that has begun; nil to do all of it now.
    /// - Returns: What was compared and found.
    /// - Throws: ``PostgresError``.
    func run(_ ahead: RecordedComparison? = nil) async throws -> VerificationResult {
        let manifest = generation.manifest
        let proof = CatalogProof(context: context, triesInserts: triesInserts)
        return try await SnapshotHolder.with(context.target, tables: [], lock: .definitions, purpose: purpose) {
            theirs,
            target in
            let here = VerifiedSide(generation, recorded, in: scope)
            let (there, definitions) = try await recorder.phase(.verifyDefinitions) {
                let there = try await target.run { try VerifiedSide(of: $0, in: scope) }
                return (
                    there,
                    try await proof.compareDefinitions(of: here, with: there, in: scope, purpose: purpose)
                )
            }
            let rows = try await recorder.phase(.verifyRows) {
                let answers = try await target.run { try RowHash.Answers(of: $0) }
                return try await compareRows(
                    ahead ?? comparison(source: here.catalog, target: there.catalog, answers: answers),
                    of: MarkIdentity(there.catalog.identity),
                    in: theirs
                )
            }
            let readiness = try await recorder.phase(.verifyReadiness) {
                try await proof.judgeReadiness(of: there, comparedWith: here, in: scope, purpose: purpose)
            }
            let archived = manifest.extensionTables ?? []
            let extensionRows = try await recorder.phase(.verifyExtensionRows) {
                let there = try await target.run {
                    try ExtensionRowsComparison.contents(of: archived.map(\.table.qualifiedName), on: $0)
                }
                var result = ExtensionRowsComparison.result(
                    source: archived.map(\.contents),
                    target: there.contents
                )
                result.notProven += there.unreadable
                return result
            }
            guard !scope.omits(.largeObjects) else {
                return rows.merged(with: extensionRows).merged(with: definitions).merged(with: readiness)
            }
            let largeObjects = try await recorder.phase(.verifyLargeObjects) {
                let comparison = RecordedLargeObjects(manifest, scope: scope, stop: context.stop)
                return try await target.run { try comparison.compare(on: $0) }
            }
            // A request may have ended it before all were compared.
            try context.stop.check()
            return rows.merged(with: extensionRows).merged(with: definitions).merged(with: readiness).merged(
                with: largeObjects
            )
        }
    }

    private func comparison(
        source: DatabaseCatalog,
        target: DatabaseCatalog,
        answers: RowHash.Answers
    ) -> RecordedComparison {
        RecordedComparison(generation.manifest, source: source, target: target, answers: answers, stop: context.stop)
    }

    private func compareRows(
        _ comparison: RecordedComparison,
        of identity: MarkIdentity,
        in snapshot: SharedSnapshot
    ) async throws -> VerificationResult {
        for step in [
            { try comparison.settle(on: $0, identity) }, comparison.compare, comparison.count,
        ] as [@Sendable (Connection) throws -> Void] where !comparison.isDone {
            try await onConnections { connection in
                var isDone = false
                while !isDone {
                    do {
                        try connection.transaction(.shared(snapshot)) { try step(connection) }
                        isDone = true
                    } catch is RecordedComparison.TransactionFailed {
                        // Repeats the rest of the step without the table that failed.
                    }
                }
            }
        }
        return comparison.result()
    }

    private func onConnections(_ body: @escaping @Sendable (Connection) throws -> Void) async throws {
        try await Connection.each(context.options.jobs, context.target, purpose: purpose) { connection, _ in
            try body(connection)
        }
        try context.stop.check()
    }
}
