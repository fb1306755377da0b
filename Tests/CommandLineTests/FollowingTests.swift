import FoundationEssentials
import TestSupport
import Testing

@Suite struct `A run can be followed` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n
        """

    private static func folder() throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/follow-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    private static func command(_ pair: DatabasePair) -> Command {
        Command(
            environment: [
                "TIDEMARK_SOURCE": pair.source.conninfo + " password=sesame", "TIDEMARK_TARGET": pair.target.conninfo,
            ]
        )
    }

    private static func lines(_ text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func events(_ lines: [String]) throws -> [[String: JSONValue]] {
        try lines.map { try JSONDecoder().decode([String: JSONValue].self, from: Data($0.utf8)) }
    }

    /// A validator that is independent of the tool.
    private static func expectValid(_ lines: [String], in folder: String) async throws {
        for (number, line) in lines.enumerated() {
            let file = "\(folder)/event-\(number).json"
            try Data(line.utf8).write(to: URL(filePath: file))
        }
        let outcome = try await Command.program(
            "bash",
            [
                "-c",
                "for f in \(folder)/event-*.json; do /usr/bin/jsonschema --instance $f docs/event.schema.json || exit 1; done",
            ]
        )
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
    }

    @Test func `as lines of JSON, from its beginning to its verdict`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = try Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let outcome = try await Self.command(pair).run("precopy", "--log-format", "json")
            #expect(outcome.code == 0, "\(outcome.errors)")
            let lines = Self.lines(outcome.errors)
            try await Self.expectValid(lines, in: folder)
            let events = try Self.events(lines)
            #expect(events.first?["event"]?.text == "began" && events.first?["command"]?.text == "precopy")
            #expect(events.last?["event"]?.text == "verdict" && events.last?["outcome"]?.text == "done")
            #expect(events.contains { $0["phase"]?.text == "copy and build" && $0["event"]?.text == "phaseEnded" })
            #expect(!outcome.errors.contains("sesame"))
        }
    }

    @Test func `by a hook, which receives no secrets and cannot disturb the run`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let folder = try Self.folder()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let told = "\(folder)/told"
            let outcome = try await Self.command(pair).run(
                "precopy",
                "--quiet",
                "--on-event",
                "cat >>\(told); env >>\(folder)/env; exit 7"
            )
            #expect(outcome.code == 0 && outcome.errors.contains("the hook failed at began"), "\(outcome.errors)")
            let lines = Self.lines(try String(contentsOfFile: told, encoding: .utf8))
            let events = try Self.events(lines)
            #expect(events.first?["event"]?.text == "began" && events.last?["event"]?.text == "verdict")
            #expect(events.dropFirst().dropLast().allSatisfy { $0["event"]?.text == "phase" })
            #expect(events.contains { $0["phase"]?.text == "copy and build" })
            #expect(try !String(contentsOfFile: "\(folder)/env", encoding: .utf8).contains("sesame"))

            // A hook that does not read, or that ends in another way.
            for hook in ["true", "exec 0<&-; exit 3", "kill -9 $$"] {
                let outcome = try await Self.command(pair).run("precopy", "--quiet", "--on-event", hook)
                #expect(outcome.code == 0, "\(hook): \(outcome.errors)")
                #expect((hook == "true") == !outcome.errors.contains("the hook failed"), "\(hook): \(outcome.errors)")
            }

            // A failure is told as well; nothing is left of what the hook before it was told.
            try FileManager.default.removeItem(atPath: told)
            let failed = try await Self.command(pair).run(
                "restore",
                "--archive",
                "/nowhere",
                "--on-event",
                "cat >>\(told)"
            )
            #expect(failed.code == 1, "\(failed.errors)")
            let last = try Self.events(Self.lines(try String(contentsOfFile: told, encoding: .utf8))).last
            #expect(last?["event"]?.text == "failed" && last?["text"]?.text?.contains("/nowhere") == true)
        }
    }

    @Test func `afterwards by its audit trail, failures included`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let command = Self.command(pair)
            let none = try await command.run("log")
            #expect(none.code == 1 && none.errors.contains("no ledger"), "\(none.errors)")
            #expect(try await command.run("precopy").code == 0)
            try await pair.source.run("BEGIN; DELETE FROM t WHERE id = 7; PREPARE TRANSACTION 'forgotten \(pair.name)'")
            let stopped = try await command.run("cutover", "--wait-for-writers", "0")
            try await pair.source.run("ROLLBACK PREPARED 'forgotten \(pair.name)'")
            #expect(stopped.code == 3, "\(stopped.errors)")
            #expect(try await command.run("cutover").code == 0)
            let log = try await command.run("log")
            #expect(log.code == 0)
            let lines = Self.lines(log.output)
            #expect(lines.contains { $0.contains("client 1  began  precopy") }, "\(log.output)")
            #expect(lines.contains { $0.contains("client 1  ended  precopy: done") }, "\(log.output)")
            #expect(lines.contains { $0.contains("client 2  ended  cutover: notProven") }, "\(log.output)")
            #expect(lines.contains { $0.contains("client 3  ended  cutover: done") }, "\(log.output)")
            #expect(lines.contains { $0.contains("client 3  build  ALTER TABLE") }, "\(log.output)")
            #expect(!log.output.contains(" chunk "))
            let all = try await command.run("log", "--chunks", "--json")
            #expect(all.output.contains("\"chunk\" : 0") || all.output.contains("\"chunk\" : 1"), "\(all.output)")
        }
    }

    @Test(.onceIn(2)) func `from any machine by its status`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let command = Self.command(pair)
            #expect(try await command.run("precopy").code == 0)
            let copied = try await command.run("status").output
            #expect(copied.contains("At work  no client") && copied.contains("Ended    precopy: done, 20"), "\(copied)")
            #expect(copied.contains("NEXT: tidemark cutover --rehearse; on the night tidemark precopy"), "\(copied)")
            try await pair.source.run("BEGIN; DELETE FROM t WHERE id = 7; PREPARE TRANSACTION 'forgotten \(pair.name)'")
            let seen = try await command.shell(
                """
                "$TIDEMARK" cutover --quiet --wait-for-writers 3 >/dev/null & run=$!
                while kill -0 $run; do "$TIDEMARK" status | grep -E '^(At work|Ended|NEXT)'; sleep 0.3; done; wait $run
                """
            )
            try await pair.source.run("ROLLBACK PREPARED 'forgotten \(pair.name)'")
            #expect(seen.output.contains("At work  cutover by postgres"), "\(seen.output)")
            #expect(seen.output.contains("; last look, "), "\(seen.output)")
            #expect(seen.output.contains("Ended    not yet\nNEXT: wait; if the call"), "\(seen.output)")
            let late = try await command.run("status").output
            #expect(late.contains("Ended    cutover: notProven, 20"), "\(late)")
            #expect(late.contains("NEXT: do not open the target; tidemark cutover again"), "\(late)")
            #expect(try await command.run("cutover").code == 0)
            let proven = try await command.run("status").output
            #expect(proven.contains("NEXT: open the target: it is PROVEN equal"), "\(proven)")
            let watched = try await command.shell(
                #""$TIDEMARK" status --watch & sleep 3; kill $!; wait $!"#
            )
            #expect(watched.output.ranges(of: "At work  no client").count >= 2, "\(watched.output)")
        }
    }

    @Test(.onceIn(2)) func `and can be slowed down, paused and let go on while it works`() async throws {
        let schema = """
            CREATE TABLE big (id int PRIMARY KEY, v text);
            INSERT INTO big SELECT n, repeat('v', 1000) FROM generate_series(1, 16000) n
            """
        try await DatabasePair.with(schema) { pair in
            let command = Self.command(pair)
            #expect(try await command.run("throttle").code == 64)
            let none = try await command.run("throttle", "--pause")
            #expect(none.code == 1 && none.errors.contains("no ledger"), "\(none.errors)")
            // 16 MB at 1 MB a second would take 16 seconds.
            let seen = try await command.shell(
                """
                "$TIDEMARK" precopy --max-rate 1MB --chunk-size 1MB --whole-below 64kB --jobs 1 2>/tmp/throttle-$$ & run=$!
                rows() { "$TIDEMARK" status --json | grep '"chunksWithBase"'; }
                until rows | grep -q ' [1-9]'; do sleep 0.1; done
                "$TIDEMARK" throttle --pause; sleep 4.5
                one=$(rows); sleep 2; two=$(rows); kill -0 $run && echo "paused at: $one and: $two"
                "$TIDEMARK" throttle --max-rate none --resume; start=$SECONDS; wait $run
                echo "ended with $? after $((SECONDS - start))"; cat /tmp/throttle-$$; rm /tmp/throttle-$$
                """
            )
            #expect(
                seen.output.contains("The call that is at work copies at the rate it was called with, and is paused.")
            )
            #expect(seen.output.contains("The call that is at work copies without a limit."))
            let paused = try #require(
                seen.output.firstMatch(of: /paused at:(.*) and:(.*)/),
                "\(seen.output)\(seen.errors)"
            )
            #expect(paused.1 == paused.2 && !paused.1.contains(" 16"), "\(seen.output)")
            #expect(seen.output.contains("waiting because the run is paused"), "\(seen.output)")
            #expect(seen.output.contains("ended with 0 after "), "\(seen.output)")
            #expect(try await pair.differingTables() == [])
        }
    }

    @Test(.onceIn(2)) func `lets fewer chunks be copied at the same time, and more again`() async throws {
        let schema = """
            CREATE TABLE big (id int PRIMARY KEY, v text);
            INSERT INTO big SELECT n, repeat('v', 1000) FROM generate_series(1, 60000) n; ANALYZE
            """
        try await DatabasePair.with(schema) { pair in
            let command = Self.command(pair)
            let run = Task {
                try await command.run(
                    "precopy",
                    "--max-rate",
                    "1MB",
                    "--chunk-size",
                    "512kB",
                    "--whole-below",
                    "64kB",
                    "--jobs",
                    "3"
                )
            }
            func reading() async throws -> Int {
                let lanes = """
                    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
                    AND application_name ~ ' copy [0-9]'
                    """
                return Int(try await pair.source.value(lanes)) ?? 0
            }
            func until(_ count: Int) async throws {
                var seen: [Int] = []
                while seen.last != count, seen.count < 600 {
                    seen.append(try await reading())
                    try await Task.sleep(for: .milliseconds(20))
                }
                #expect(seen.last == count, "\(Set(seen))")
            }
            try await until(3)
            let fewer = try await command.run("throttle", "--jobs", "1")
            #expect(fewer.output.contains("at the rate it was called with, 1 chunk at the same time"), "\(fewer)")
            // Between two chunks a lane reads nothing: few are few only if they stay few.
            var fewInARow = 0
            for _ in 0..<300 where fewInARow < 10 {
                fewInARow = try await reading() <= 1 ? fewInARow + 1 : 0
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(fewInARow == 10)
            _ = try await command.run("throttle", "--jobs", "3")
            try await until(3)
            // Those that wait do not keep the run from ending.
            _ = try await command.run("throttle", "--jobs", "1", "--max-rate", "none")
            #expect(try await run.value.code == 0)
            #expect(try await pair.differingTables() == [])
        }
    }
}
