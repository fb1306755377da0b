import TestSupport
import Testing

/// `script` runs the command in a terminal of its own.
@Suite struct `The live view` {
    private static let schema = """
        CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n
        """
    private static let escape = "\u{1b}["

    private static func run(_ pair: DatabasePair, _ words: String, in environment: String) async throws
        -> Command.Outcome
    {
        try await Command(
            environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
        ).shell(
            #"env -u NO_COLOR \#(environment) script -qec "stty cols 80 rows 24; exec '$TIDEMARK' \#(words)" /dev/null"#
        )
    }

    @Test(.onceIn(2)) func `is drawn on a terminal while a run waits, and cleared before the report`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            #expect(try await Self.run(pair, "precopy", in: "TERM=xterm").code == 0)
            try await pair.source.run("BEGIN; DELETE FROM t WHERE id = 7; PREPARE TRANSACTION 'forgotten \(pair.name)'")
            let outcome = try await Self.run(pair, "cutover --wait-for-writers 2", in: "TERM=xterm")
            let plain = try await Self.run(pair, "cutover --wait-for-writers 1", in: "TERM=xterm NO_COLOR=1")
            let dumb = try await Self.run(pair, "cutover --wait-for-writers 0", in: "TERM=dumb")
            try await pair.source.run("ROLLBACK PREPARED 'forgotten \(pair.name)'")

            #expect(outcome.code == 3, "\(outcome.output)")
            let screen = outcome.output
            #expect(screen.contains("\(Self.escape)1mlast look, ") || screen.contains("\(Self.escape)1mpreparation, "))
            #expect(screen.contains("waiting up to 2 s") && screen.contains("prepared transaction forgotten"))
            #expect(screen.contains("Ctrl-C stops safely; turning back is possible"))
            // What was drawn is cleared before the report, which is not cleared any more.
            let cleared = try #require(screen.ranges(of: "\(Self.escape)J").last)
            let report = try #require(screen.ranges(of: "cutover: NOT PROVEN").last)
            #expect(cleared.upperBound <= report.lowerBound)
            // No line of the report is broken by the terminal.
            for line in screen[report.lowerBound...].split(whereSeparator: \.isNewline) {
                #expect(line.count <= 80 || !line.contains(" "), "\(line)")
            }
            #expect(plain.output.contains("\(Self.escape)J") && !plain.output.contains("\(Self.escape)1m"))
            #expect(dumb.code == 3 && !dumb.output.contains(Self.escape))
        }
    }
}
