import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite struct `A child process that is running when the run is stopped` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'v' || n FROM generate_series(1, 500) n;
        CREATE VIEW w AS SELECT * FROM t; ANALYZE
        """

    private static func folder() -> String {
        FileManager.default.temporaryDirectory.path + "/stop-\(UUID().uuidString)"
    }

    /// The step in which a tool pauses long enough to be interrupted.
    private enum Place: String, CaseIterable {
        case version, restoreVersion, dump, list, script

        func lines(_ marker: String) -> [String: String] {
            let rest = ": >\(marker); exec sleep 60"
            return switch self {
            case .version: ["pg_dump": "if [ \"$1\" = --version ]; then \(rest); fi"]
            case .restoreVersion: ["pg_restore": "if [ \"$1\" = --version ]; then \(rest); fi"]
            case .dump: ["pg_dump": "if [ \"$1\" != --version ]; then \(rest); fi"]
            case .list: ["pg_restore": "if [ \"$1\" = --list ]; then \(rest); fi"]
            case .script: ["pg_restore": "case \"$*\" in *--file=-*) \(rest);; esac"]
            }
        }
    }

    @Test(.onceIn(2)) func `ends with the run, which exits and reports as stopped and can be resumed`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let (tools, archive, reports) = (Self.folder(), Self.folder(), Self.folder())
            defer { for path in [tools, archive, reports] { try? FileManager.default.removeItem(atPath: path) } }
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            func expectStopped(_ arguments: [String], at places: [Place], reported: Bool = true) async throws {
                for place in places {
                    let marker = "\(tools)/\(place.rawValue)-\(UUID().uuidString)"
                    try Command.makeTools(in: tools, running: place.lines(marker))
                    let report = reported ? ["--report", reports] : []
                    let outcome = try await command.run(
                        arguments + ["--pg-bin", tools] + report,
                        interrupt: 2,
                        ofGroup: false,
                        whenThere: marker
                    )
                    let what = "\(arguments[0]) at \(place): \(outcome.errors)"
                    #expect(outcome.code == 4, "\(what)")
                    #expect(!outcome.errors.contains("not found") && !outcome.errors.contains("Error()"), "\(what)")
                    guard reported else { continue }
                    #expect(outcome.output.contains("STOPPED"), "\(what)")
                    let json = try String(contentsOfFile: "\(reports)/report.json", encoding: .utf8)
                    #expect(json.contains(#""outcome" : "stopped""#), "\(what)")
                }
            }
            try await expectStopped(["inspect"], at: [.version, .restoreVersion], reported: false)
            try await expectStopped(["dump", "--archive", archive], at: [.version, .restoreVersion, .dump])
            try await expectStopped(["precopy"], at: Place.allCases)
            #expect(try await command.run("precopy").code == 0)
            // Without a change of the source's catalogs, pg_dump would not run again.
            try await pair.source.run("CREATE TABLE later (id int)")
            try await expectStopped(["cutover"], at: Place.allCases)
            let cutover = try await command.run("cutover")
            #expect(cutover.code == 0, "\(cutover.errors)\(cutover.output)")
            #expect(try await command.run("dump", "--archive", archive).code == 0)
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test func `is not ended by one Ctrl-C in a terminal, which only requests the end of the run`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let (tools, archive) = (Self.folder(), Self.folder())
            defer { for path in [tools, archive] { try? FileManager.default.removeItem(atPath: path) } }
            let marker = "\(tools)/marker"
            try Command.makeTools(
                in: tools,
                running: ["pg_dump": "if [ \"$1\" != --version ]; then : >\(marker); sleep 1; fi"]
            )
            let command = Command(environment: ["TIDEMARK_SOURCE": pair.source.conninfo])
            let outcome = try await command.run(
                ["dump", "--archive", archive, "--pg-bin", tools],
                interrupt: 1,
                ofGroup: true,
                whenThere: marker
            )
            #expect(outcome.code == 4, "\(outcome.errors)")
            #expect(outcome.output.contains("STOPPED"))
        }
    }

    @Test(arguments: ["HUP", "TERM"])
    func `and the report says how to go on, without the password`(_ signal: String) async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let (tools, reports) = (Self.folder(), Self.folder())
            defer { for path in [tools, reports] { try? FileManager.default.removeItem(atPath: path) } }
            try Command.makeTools(
                in: tools,
                running: ["pg_dump": "if [ \"$1\" != --version ]; then : >\(tools)/marker; exec sleep 60; fi"]
            )
            let outcome = try await Command(environment: ["TIDEMARK_TARGET": pair.target.conninfo]).shell(
                """
                "$TIDEMARK" precopy --jobs 3 --pg-bin \(tools) --report \(reports) --source '\(pair.source.conninfo) password=sesame' &
                until [ -e \(tools)/marker ]; do sleep 0.05; done
                kill -\(signal) $!; sleep 0.3; kill -\(signal) $!; wait $!
                """
            )
            #expect(outcome.code == 4, "\(outcome.errors)")
            let report = try String(contentsOfFile: "\(reports)/report.md", encoding: .utf8)
            for text in [outcome.output, report] {
                #expect(text.contains("tidemark precopy --jobs 3 --pg-bin \(tools)"), "\(text)")
                #expect(text.contains("--source '…'") && !text.contains("sesame"), "\(text)")
                #expect(text.contains("Turning back is possible"), "\(text)")
            }
        }
    }

    @Test func `or a stream without a sender is not waited for`() async throws {
        try await DatabasePair.with { pair in
            let pipe = Self.folder()
            defer { unlink(pipe) }
            var codes: [Int32?] = []
            // On a busy machine, it may take seconds until the command handles signals; before that it is just ended.
            for delay in [0.5, 1, 2, 4, 8] where codes.last != 4 {
                let outcome = try await Command(environment: ["TIDEMARK_TARGET": pair.target.conninfo]).shell(
                    """
                    rm -f \(pipe); mkfifo \(pipe)
                    timeout --kill-after=1 60 "$TIDEMARK" restore --archive - <\(pipe) & exec 3>\(pipe); sleep \(delay)
                    for _ in 1 2; do kill -TERM $(ps -o pid= --ppid $!); sleep 0.3; done; wait $!
                    """
                )
                codes.append(outcome.code)
            }
            #expect(codes.last == 4 && !codes.contains(124) && !codes.contains(137), "\(codes)")
        }
    }

    @Test(.onceIn(2)) func `or any other step is ended by a second Ctrl-C at any moment`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            var milliseconds = 20.0
            var isDone = false
            while !isDone, milliseconds < 10_000 {
                let outcome = try await command.run(["precopy"], interruptTwiceAfter: .milliseconds(milliseconds))
                // Before the command has started, there is nothing to stop.
                if let code = outcome.code {
                    #expect([0, 4].contains(code), "after \(milliseconds) ms: \(outcome.errors)")
                    isDone = code == 0
                }
                milliseconds *= 1.15
            }
            #expect(try await command.run("precopy").code == 0)
        }
    }
}
