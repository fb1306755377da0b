import FoundationEssentials
import Postgres
import TestSupport
import Testing

/// While a cutover stands still at a status point, somebody ends its sessions or changes the source's definitions.
@Suite(.serialized) struct `A cutover that is disturbed` {
    /// What is done meanwhile.
    enum Disturbance: String, CaseIterable {
        /// Ends the sessions of its workers.
        case workersEnded
        /// Ends all its sessions on the source, with the one that exported the snapshot.
        case sourceSessionsEnded
        /// Ends all its sessions on the target, with the one that holds the run.
        case targetSessionsEnded
        /// The following change the source; if the cutover's locks keep them out, nothing happens.
        case columnAdded = "ALTER TABLE events ADD extra int NOT NULL DEFAULT 7"
        case typeChanged = "ALTER TABLE parts ALTER v TYPE varchar(200)"
        case tableMade =
            "CREATE TABLE made (id int PRIMARY KEY, at timestamptz DEFAULT now()); INSERT INTO made VALUES (1)"
        case tableDropped = "DROP TABLE small"
        case tableRewritten = "DROP MATERIALIZED VIEW kinds; TRUNCATE audit; INSERT INTO audit VALUES (5)"
        case indexMade = "CREATE INDEX made_later ON orders (s)"
        case keyDropped = "ALTER TABLE tokens DROP CONSTRAINT tokens_n_key"
        case rightGiven = "GRANT UPDATE (body) ON events TO PUBLIC"
        case functionChanged =
            "CREATE OR REPLACE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"

        var changesSource: Bool { ![.workersEnded, .sourceSessionsEnded, .targetSessionsEnded].contains(self) }
    }

    private static let points: [StatusPoint] = [
        .phaseBegun, .beforeCommit, .afterCommit, .snapshotExported, .definitionsDumped, .chunkCopied, .objectBuilt,
        .sequencesSet, .rowsCompared,
    ]

    /// How many combinations are tried, chosen at random; nil: all of them, which `scripts/test-long` asks for.
    private static var wanted: Int? {
        let value = ProcessInfo.processInfo.environment["TIDEMARK_DISTURBANCES"]
        return value == "all" ? nil : value.flatMap(Int.init) ?? 4
    }

    /// Between the look at the source's tables and the snapshot.
    @Test(arguments: Cases.some(1, of: [Disturbance.tableMade, .keyDropped, .columnAdded]))
    func `follows in the next call what has changed before the snapshot`(_ change: Disturbance) async throws {
        _ = try await Self.disturb(change, at: .beforeCommit, time: 1)
    }

    /// The index of a materialized view is built after the definitions: by then the view may be gone.
    @Test(arguments: Cases.some(1, of: [StatusPoint.afterCommit, .definitionsDumped]))
    func `builds nothing on a materialized view that was dropped`(at point: StatusPoint) async throws {
        _ = try await Self.disturb(.tableRewritten, at: point, time: 1)
    }

    @Test func `ends with equal sides, and never claims what is not so`() async throws {
        let all = Self.points.flatMap { point in Disturbance.allCases.map { (point, $0) } }
        var (met, green) = (0, 0)
        for (point, disturbance) in all.shuffled().prefix(Self.wanted ?? all.count) {
            let time = Int.random(in: 1...3)
            let outcome = try await Self.disturb(disturbance, at: point, time: time)
            if outcome.isMet { met += 1 }
            if outcome.isGreen { green += 1 }
        }
        print("Disturbances: \(met) met a cutover, \(green) of these calls were green at once")
        #expect(met > 0)
    }

    private static func disturb(
        _ disturbance: Disturbance,
        at point: StatusPoint,
        time: Int
    ) async throws -> (isMet: Bool, isGreen: Bool) {
        let what: Comment = "\(disturbance) at \(point.rawValue) for time \(time)"
        var result = (isMet: false, isGreen: false)
        try await DatabasePair.with(Lifecycle.schema) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let options = ["--chunk-size", "64kB", "--whole-below", "24kB", "--jobs", "3", "--quiet"]
            let precopy = try await command.run(["precopy"] + options, killAfter: nil)
            #expect(precopy.code == 0, "\(precopy.errors)")
            try await pair.source.run(Lifecycle.writes(1))
            let isMet = Flag()
            let first = try await command.run(["cutover"] + options, pauseAt: point, time: time) {
                isMet.raise()
                try await apply(disturbance, to: pair)
            }
            if first.code == 0 {
                #expect(try await pair.differingTables() == [], what)
                #expect(try await pair.differingDefinitions() == [], what)
            } else {
                #expect(disturbance.changesSource, "\(what): \(first.errors)\(first.output)")
            }
            var last = first
            for _ in 0..<2 where last.code != 0 { last = try await command.run(["cutover"] + options, killAfter: nil) }
            let story: Comment = "\(what), first \(first.code ?? -1): \(last.errors)\(last.output)"
            let differing = try await pair.differingTables() + pair.differingDefinitions()
            // A definition that changed after the keys were built is not followed any more, but shown.
            #expect(last.code == 0 || last.code == 2 && disturbance.changesSource, story)
            #expect((last.code == 0) == differing.isEmpty, "\(story.rawValue): \(differing)")
            result = (isMet.isRaised, isMet.isRaised && first.code == 0)
        }
        return result
    }

    private static func apply(_ disturbance: Disturbance, to pair: DatabasePair) async throws {
        func end(_ sessions: String, on database: TestDatabase) async throws {
            try await database.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() AND application_name LIKE 'tidemark \(sessions)'"
            )
        }
        switch disturbance {
        case .workersEnded: for side in [pair.source, pair.target] { try await end("% copy %", on: side) }
        case .sourceSessionsEnded: try await end("%", on: pair.source)
        case .targetSessionsEnded: try await end("%", on: pair.target)
        default:
            // Locked out is as good as too late.
            do {
                try await pair.source.run("SET lock_timeout = '300ms'; BEGIN; \(disturbance.rawValue); COMMIT")
            } catch let error as PostgresError where error.sqlState == "55P03" {}
        }
    }
}
