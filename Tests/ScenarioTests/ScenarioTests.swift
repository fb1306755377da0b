import Planning
import TestSupport
import Testing
import Tidemark

@Suite(.disabled(if: HostileDatabase.isWanted, "Its own SQL would be ambiguous."))
struct `A scenario` {
    @Test(arguments: Cases.some(1, of: Scenario.allCases))
    func `arrives unchanged, every definition`(scenario: Scenario) async throws {
        try await Scenario.with(scenario) { pair in
            #expect(try await pair.migration().precopy().outcome == .done)
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            let differences = try await pair.differingDefinitions()
            #expect(differences == [])
        }
    }

    /// Creates the schema on the target, as an application's own migrations would.
    private static func makeSchema(_ pair: DatabasePair) async throws {
        let outcome = try await Command.pipe(
            ["pg_dump", "--schema-only", pair.source.conninfo],
            into: [
                "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null",
                pair.target.conninfo,
            ]
        )
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    /// The tables already exist, as if an application's own migrations had created them.
    @Test(arguments: Cases.some(1, of: Scenario.allCases), Cases.some(1, of: [false, true]))
    func `arrives unchanged if its schema already exists`(scenario: Scenario, keepsIndexes: Bool) async throws {
        try await Scenario.with(scenario) { pair in
            try await Self.makeSchema(pair)
            await #expect(throws: (any Error).self) { try await pair.migration().precopy() }
            let migration = pair.migration {
                $0.targetContents = .schema
                $0.keepsIndexes = keepsIndexes
            }
            let precopy = try await migration.precopy()
            #expect(precopy.outcome == .done)
            #expect(precopy.warnings.contains { $0.contains("dropped on the target until the cutover") })
            #expect(!precopy.warnings.contains { $0.contains("followed a change") }, "\(precopy.warnings)")
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.differingTables() == [])
            let differences = try await pair.differingDefinitions()
            #expect(differences == [])
            let kept =
                "SELECT count(*) FROM tidemark.event WHERE kind = 'dropped' AND subject LIKE '%built after the rows'"
            #expect((try await pair.target.value(kept) == "0") == keepsIndexes)
        }
    }

    @Test func `with a publication on the target keeps it if publications are left out`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t") { pair in
            try await pair.target.run("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t")
            let migration = pair.migration {
                $0.targetContents = .schema
                $0.omissions = [.publications]
            }
            let refused = await #expect(throws: PlanError.self) { try await migration.precopy() }
            #expect(refused?.description.contains("publication p") == true)
            #expect(try await pair.target.value("SELECT count(*) FROM pg_publication") == "1")
        }
    }

    /// The phases of precopy and cutover.
    private static let phases: [(command: String, phases: [String])] = [
        ("precopy", ["definitions", "copy and build", "analyze"]),
        (
            "cutover",
            [
                "delta and whole tables", "large objects", "sequences", "keys and indexes", "constraints",
                "rest of the definitions", "materialized views", "analyze", "verify definitions", "verify rows",
            ]
        ),
    ]

    @Test(arguments: Cases.some(1, of: Scenario.allCases.map { ($0, false) } + [(.ordinary, true)]))
    func `arrives unchanged when every phase is killed`(scenario: Scenario, exists: Bool) async throws {
        try await Scenario.with(scenario) { pair in
            if exists { try await Self.makeSchema(pair) }
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            var killed: [String] = []
            for (act, phases) in Self.phases {
                for phase in phases {
                    for delay in [0, 15] {
                        var arguments = [act, "--whole-below", "0kB", "--chunk-size", "64kB"]
                        if exists, act == "precopy" { arguments += ["--schema", "existing"] }
                        let outcome = try await command.run(
                            arguments,
                            killInPhase: phase,
                            after: .milliseconds(delay)
                        )
                        if outcome.code == nil {
                            killed.append(phase)
                        } else {
                            #expect(outcome.code == 0, "\(phase): \(outcome.errors)")
                        }
                    }
                }
            }
            // A resumed run skips finished phases, so not every phase is killed, but most are.
            #expect(Set(killed).count >= 9, "\(killed)")
            let last = try await command.run("cutover")
            #expect(last.code == 0, "\(last.output)\(last.errors)")
            #expect(try await pair.differingTables() == [])
            let differences = try await pair.differingDefinitions()
            #expect(differences == [])
        }
    }
}
