import Archive
import Catalog
import Planning
import Postgres
import Transfer
import Verification

/// The proof against what an archive recorded: definitions by their attributes, rows by their fingerprints.
struct ArchiveVerify {
    let migration: Migration
    let recorder: RunRecorder
    let generation: ArchiveDirectory.Generation
    let told: ArchivedCatalog
    let omissions: Set<Omission>
    let purpose: String
    let triesInserts: Bool

    func run() async throws -> VerificationResult {
        let manifest = generation.manifest
        let excluded = Set(manifest.tables.filter { $0.treatment == .excluded }.map(\.qualifiedName))
        let proof = CatalogProof(migration: migration, triesInserts: triesInserts)
        return try await SnapshotHolder.with(migration.target, tables: [], lock: .definitions, purpose: purpose) {
            theirs,
            target in
            let here = VerifiedSide(generation, told, without: omissions)
            let (there, definitions) = try await recorder.phase("verify definitions") {
                let there = try await target.run { try VerifiedSide(of: $0, without: omissions) }
                return (there, try await proof.compareDefinitions(here, there, excluded, omissions, purpose))
            }
            let rows = try await recorder.phase("verify rows") {
                try await compareRows(manifest, here.catalog, there.catalog, theirs)
            }
            let readiness = try await recorder.phase("verify readiness") {
                try await proof.judgeReadiness(here, there, excluded, omissions, purpose)
            }
            guard !omissions.contains(.largeObjects) else {
                return rows.merged(with: definitions).merged(with: readiness)
            }
            let largeObjects = try await recorder.phase("verify large objects") {
                try await target.run { try RecordedLargeObjects(manifest, omissions: omissions).compare(on: $0) }
            }
            return rows.merged(with: definitions).merged(with: readiness).merged(with: largeObjects)
        }
    }

    private func compareRows(
        _ manifest: Manifest,
        _ source: DatabaseCatalog,
        _ target: DatabaseCatalog,
        _ snapshot: SharedSnapshot
    ) async throws -> VerificationResult {
        let stop = migration.stop
        let answers = try await ThreadConfined.with(migration.target, purpose: purpose) { target in
            try await target.run { try RowHash.Answers(of: $0) }
        }
        let comparison = RecordedComparison(manifest, source: source, target: target, answers: answers) {
            stop.isRequested
        }
        for isCounting in [false, true] {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<max(1, migration.options.jobs) {
                    group.addTask { [target = migration.target, purpose] in
                        try await ThreadConfined.with(target, purpose: purpose) { target in
                            try await target.run { connection in
                                try connection.transaction(.snapshot) {
                                    try connection.execute("SET TRANSACTION SNAPSHOT \(literal: snapshot.identifier)")
                                    try isCounting
                                        ? comparison.count(on: connection) : comparison.compare(on: connection)
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        try stop.check()
        return comparison.result()
    }
}
