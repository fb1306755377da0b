import ArgumentParser
import Catalog
import Planning
import Postgres
import TestSupport
import Testing

@testable import Report
@testable import TidemarkCLI
@testable import Verification

@Suite struct `What people read` {
    /// As a terminal of 80 columns shows it.
    @Test func `is the help of the whole`() throws {
        let help = TidemarkCommand.helpMessage(columns: 80)
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
        try Golden.expect(help + "\n", "help.txt")
    }

    @Test(arguments: TidemarkCommand.everyCommand.map(\.name))
    func `is the help of each command`(_ name: String) throws {
        let command = try #require(TidemarkCommand.everyCommand.first { $0.name == name }?.command)
        let help = TidemarkCommand.helpMessage(for: command, columns: 80)
        // The parser prints the usage in one line.
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE:") })
        try Golden.expect(help + "\n", "help-\(name).txt")
        // Its examples are command lines that can be typed.
        for line in help.split(separator: "\n") where line.hasPrefix("  tidemark ") {
            let words = line.split(separator: " ").dropFirst().map(String.init)
            #expect(throws: Never.self, "\(line)") { try TidemarkCommand.parseAsRoot(words) }
        }
    }

    @Test func `is a plan`() throws {
        let report = try PlanReport(plan, foreignKeys: ForeignKeyForecast(count: 3, bytes: 5 << 30, .validated))
        try Golden.expect(report.text + "\n", "plan.txt")
        try Golden.expect(report.json() + "\n", "plan.json")
    }

    @Test(arguments: ["proven", "differs", "not-proven", "stopped", "failed", "precopy"])
    func `is a report in each of its formats`(_ name: String) throws {
        let report = Self.report(name)
        let page = ReportPage(report)
        try Golden.expect(report.text + "\n", "report-\(name).txt")
        try Golden.expect(page.markdown(), "report-\(name).md")
        guard name == "differs" else { return }
        try Golden.expect(report.json() + "\n", "report-\(name).json")
        try Golden.expect(page.junit(), "report-\(name).xml")
        try Golden.expect(page.html(), "report-\(name).html")
    }

    @Test func `is an inspection`() throws {
        func report(_ findings: [Finding], target: String? = "new.example/shop") -> InspectionReport {
            InspectionReport(
                source: "old.example/shop",
                target: target,
                findings: findings,
                toolVersion: "1.0",
                endedAt: "2026-01-01T00:00:00Z"
            )
        }
        try Golden.expect(report(Self.obstacles).text + "\n", "inspection.txt")
        try Golden.expect(report([]).text + "\n", "inspection-clear.txt")
        try Golden.expect(report([], target: nil).text + "\n", "inspection-source.txt")
        try Golden.expect(ReportPage(report(Self.obstacles).asRun).markdown(), "inspection.md")
    }

    // MARK: Examples

    private var plan: Plan {
        get throws {
            var source = CatalogBuilder()
            source.table(
                "events",
                ["id bigint!", "payload jsonb"],
                bytes: 40 << 30,
                with: ["rowsInserted": 400_000_000]
            )
            source.index("events_pkey", on: "events", ["id"], .primaryKey)
            source.table("accounts", ["id bigint!", "email text!"], bytes: 2 << 30)
            source.index("accounts_pkey", on: "accounts", ["id"], .primaryKey)
            source.index("accounts_email", on: "accounts", ["email"], .uniqueConstraint)
            source.table("log", ["line text"], bytes: 900 << 20)
            source.table("countries", ["code text!"], bytes: 64 << 10)
            source.index("countries_pkey", on: "countries", ["code"], .primaryKey)
            source.table("sessions", ["id uuid!"], bytes: 1 << 30)
            source.index("sessions_pkey", on: "sessions", ["id"], .primaryKey)
            source.table("scratch", ["a integer"], bytes: 3 << 30)
            source.index("events_kind", on: "events", ["payload"], .plain, with: ["isValid": false])
            var options = PlanOptions()
            options.treatments[CatalogBuilder.name("sessions")] = .definitionOnly
            options.treatments[CatalogBuilder.name("scratch")] = .excluded
            let catalog = source.catalog
            return try Planner(source: catalog, target: catalog.identity, options: options).plan()
        }
    }

    private static let findings = [
        Finding(
            "primary key",
            object: "public.events.events_pkey",
            problem: .missing,
            severity: .stops,
            "the primary key is missing on the target",
            source: "PRIMARY KEY (id)",
            repair: #"ALTER TABLE "public"."events" ADD CONSTRAINT "events_pkey" PRIMARY KEY (id)"#
        ),
        Finding(
            "rows",
            object: "public.accounts (id) = (4711)",
            problem: "value",
            severity: .stops,
            "its email differs"
        ),
        Finding(
            "index",
            object: "public.log_at",
            problem: .missing,
            severity: .hurts,
            "the index is missing on the target",
            source: "CREATE INDEX log_at ON public.log USING btree (at)",
            repair: "CREATE INDEX log_at ON public.log USING btree (at)"
        ),
        Finding(
            "index",
            object: "public.events_kind",
            problem: "tablespace",
            severity: .note,
            "it is in another tablespace",
            source: "fast"
        ),
    ]

    private static let obstacles = [
        Finding(
            "extension",
            object: "hstore",
            problem: "needs-superuser",
            severity: .stops,
            "creating it on the target requires a superuser",
            repair: #"CREATE EXTENSION "hstore" SCHEMA "public""#
        ),
        Finding(
            "index",
            object: "public.events_kind",
            problem: "invalid",
            severity: .hurts,
            "it is INVALID on the source and is not created on the target"
        ),
        Finding(
            "replication slot",
            object: "standby",
            problem: "not-copied",
            severity: .note,
            "replication slots are not copied"
        ),
    ]

    private static func report(_ name: String) -> RunReport {
        var report = RunReport(
            command: name == "precopy" ? "precopy" : "cutover",
            toolVersion: "0.0.0",
            source: "old.example/shop",
            target: "new.example/shop",
            startedAt: "2026-11-28T22:00:00Z"
        )
        report.phases = [
            .init(name: "preparation", start: 0, seconds: 1.25),
            .init(name: "delta and whole tables", start: 1.25, seconds: 64.5),
            .init(name: "keys and indexes", start: 65.75, seconds: 120),
        ]
        report.transfer.chunks = 640
        report.transfer.unchangedChunks = 612
        report.transfer.rows = 81_204
        report.transfer.bytes = 91 << 20
        report.transfer.objects = 41
        report.tables = [.init(name: "public.events", chunks: 640, rows: 81_204, bytes: 91 << 20, seconds: 60.1)]
        report.statements = [.init(sql: "CREATE UNIQUE INDEX events_pkey ON public.events (id)", seconds: 90.5)]
        switch name {
        case "precopy": report.warnings = ["public.log is copied whole each time (no key identifies its rows)"]
        case "stopped": report.outcome = .stopped
        case "failed":
            report.outcome = .failed
            report.failure = "target: could not extend file: No space left on device (SQLSTATE 53100)"
        default: report.verification = verification(name)
        }
        switch name {
        case "differs": report.outcome = .differs
        case "not-proven": report.outcome = .notProven
        default: break
        }
        if report.verification != nil {
            report.quiet =
                report.verification?.notProven.first
                ?? "no transaction wrote on the source since the last snapshot (no id was handed out since 7345, none was in flight); no other session is connected"
        }
        return report
    }

    private static func verification(_ name: String) -> VerificationResult {
        var result = VerificationResult(method: "hashtextextended")
        result.examined = [
            .init(kind: "table", source: 12, target: 12),
            .init(kind: "primary key", source: 11, target: name == "differs" ? 10 : 11),
            .init(kind: "trigger", source: 0, target: 0),
        ]
        result.tables = [
            .init(
                name: "public.events",
                ranges: 640,
                differingRanges: name == "differs" ? 1 : 0,
                standingRanges: 612,
                countedRanges: 0,
                countedSince: nil,
                sourceBytes: 40 << 30,
                targetBytes: 38 << 30,
                sourceRows: 400_000_000,
                targetRows: 400_000_000
            )
        ]
        result.mostUsedIndexes = [
            .init(name: "public.events_pkey", table: "events", scans: 99_999, isOnTarget: name != "differs"),
            .init(name: "public.accounts_pkey", table: "accounts", scans: 4_321, isOnTarget: true),
        ]
        if name == "differs" { result.findings = findings }
        if name == "not-proven" {
            result.notProven = [
                "transactions on the source have written and may still commit: "
                    + "server process 4711 (app, UPDATE)"
            ]
        }
        return result
    }
}

extension TidemarkCommand {
    /// Every command with the words that call it, joined by `-`.
    fileprivate static var everyCommand: [(name: String, command: any ParsableCommand.Type)] {
        func below(_ command: any ParsableCommand.Type, _ words: [String]) -> [(String, any ParsableCommand.Type)] {
            command.configuration.subcommands.flatMap { sub in
                let name = words + [(sub.configuration.commandName ?? "\(sub)").lowercased()]
                return [(name.joined(separator: "-"), sub)] + below(sub, name)
            }
        }
        return below(Self.self, []).map { (name: $0.0, command: $0.1) }
    }
}
