import Archive
import Catalog
import Ledger
import Postgres
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `Rows compared before the target is finished` {
    private static let schema = """
        CREATE TABLE cut (id int PRIMARY KEY, v text);
        INSERT INTO cut SELECT n, repeat('x', 90) || n FROM generate_series(1, 4000) n;
        CREATE TABLE small (id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, 'a')
        """

    /// Compares ahead, runs `meanwhile`, and finishes the comparison in a later snapshot.
    ///
    /// - Returns: Whether the results from ahead remain valid, and the overall result.
    private func judge(
        _ archive: TestArchive,
        _ target: TestDatabase,
        meanwhile statement: String
    ) async throws -> (stands: Bool, VerificationResult) {
        let generation = try #require(try ArchiveDirectory.open(archive.path).generations().last)
        let told = try ArchivedCatalog(of: generation)
        return try await ThreadConfined.with(target.endpoint, purpose: "test") { confined in
            try await confined.run { connection in
                let catalog = try DatabaseCatalog(of: connection)
                let identity = MarkIdentity(catalog.identity)
                let comparison = RecordedComparison(
                    generation.manifest,
                    source: told.catalog,
                    target: catalog,
                    answers: try RowHash.Answers(of: connection),
                    stop: StopRequest()
                )
                try comparison.compareAhead(on: connection, identity)
                try connection.execute(SQL(trusted: statement))
                try connection.transaction(.snapshot) { try comparison.settle(on: connection, identity) }
                let ranges = comparison.result().tables.first { $0.name == "public.cut" }?.ranges ?? 0
                try connection.transaction(.snapshot) { try comparison.compare(on: connection) }
                try connection.transaction(.snapshot) { try comparison.count(on: connection) }
                #expect(comparison.isDone)
                return (ranges > 0, comparison.result())
            }
        }
    }

    private func withRestored(_ body: (TestArchive, TestDatabase) async throws -> Void) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                try await test.withEmptyTarget("ahead") { target in
                    #expect(try await test.archive().restore(to: target.endpoint).outcome == .done)
                    try await body(test, target)
                }
            }
        }
    }

    @Test func `are not read again if nothing was written`() async throws {
        try await withRestored { test, target in
            try await target.untilMarksTell()
            let (stands, result) = try await judge(test, target, meanwhile: "SELECT 1")
            #expect(result.findings.isEmpty && result.notProven.isEmpty)
            #expect(result.tables.map(\.targetRows) == [4000, 1])
            #expect(stands)
        }
    }

    @Test func `are compared by the next call if the first one skipped the proof`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            try await TestArchive.with(pair) { test in
                _ = try await test.archive().dump(from: pair.source.endpoint)
                try await test.withEmptyTarget("later") { target in
                    let built = try await test.archive().restore(to: target.endpoint, proves: false)
                    #expect(built.outcome == .done && built.verification == nil)
                    #expect(built.warnings.contains { $0.contains("nothing was compared") })
                    try await target.run("UPDATE cut SET v = 'other' WHERE id = 7")
                    let compared = try await test.archive().restore(to: target.endpoint)
                    #expect(compared.outcome == .differs)
                    #expect(compared.verification?.findings.map(\.code) == ["rows.differ"])
                }
            }
        }
    }

    @Test func `are reported if they differed from the beginning`() async throws {
        try await withRestored { test, target in
            try await target.run("UPDATE cut SET v = 'other' WHERE id IN (7, 3999)")
            let (_, result) = try await judge(test, target, meanwhile: "SELECT 1")
            #expect(result.findings.map(\.code) == ["rows.differ", "rows.differ"])
            #expect(result.tables.first?.differingRanges == 2)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("UPDATE public.cut SET v = 'other' WHERE id = 7", "rows.differ"),
                ("DELETE FROM public.cut WHERE id = 7", "rows.differ"),
                ("INSERT INTO public.cut VALUES (0, 'new')", "rows.differ"),
                ("UPDATE public.small SET v = 'b'", "rows.differ"),
                ("UPDATE public.cut SET v = v WHERE id = 7", nil), ("VACUUM FULL public.cut", nil),
            ]
        )
    ) func `are read again if something was written`(statement: String, code: String?) async throws {
        try await withRestored { test, target in
            let (stands, result) = try await judge(test, target, meanwhile: statement)
            #expect(result.findings.map(\.code) == (code.map { [$0] } ?? []))
            if !statement.contains("small") { #expect(!stands) }
            #expect(result.notProven.isEmpty)
        }
    }
}
