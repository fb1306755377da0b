import TestSupport
import Testing

@Suite struct `The status of a run` {
    /// What the ledger holds, how its last call ended, and what comes next.
    private static let cases = [
        (
            ledger: "step = 'begun'", ended: "precopy: failed",
            next: "tidemark precopy: it goes on from what was committed"
        ),
        ("step = 'defined'", "cutover: failed", "tidemark precopy: it goes on from what was committed"),
        ("step = 'precopied'", "precopy: done", "tidemark cutover --rehearse; on the night tidemark precopy, then"),
        (
            "step = 'precopied', rehearsal = precopy", "precopy: done",
            "on the night tidemark precopy, then tidemark cutover"
        ),
        ("step = 'precopied'", "cutover: failed", "do not open the target; tidemark cutover again"),
        ("step = 'dataComplete'", "cutover: stopped", "do not open the target; tidemark cutover again"),
        ("step = 'postData'", "cutover: differs", "do not open the target; tidemark cutover again"),
        (
            "step = 'postData', is_rehearsed = true", "cutover: rehearsed",
            "keep the application on the source; on the night"
        ),
        (
            "step = 'postData', is_rehearsed = true", "cutover: differs",
            "do not open the target; tidemark cutover again"
        ),
        ("step = 'done'", "cutover: done", "open the target: it is PROVEN equal. Days later: tidemark finish"),
        (
            "step = 'precopied', omissions = '[\"all-but-filtered-rows\"]'", "precopy: done",
            "tidemark precopy --stage to catch up"
        ),
        ("step = 'postData', omissions = '[\"all-but-filtered-rows\"]'", "cutover: differs", "do not open the target;"),
        ("step = 'precopied', archive = '/a'", "restore: done", "the next archive, or tidemark restore again"),
        (
            "step = 'done', archive = '/a'", "restore: done",
            "open the target: it is equal to the archive; then tidemark"
        ),
    ]

    @Test func `says what comes next, and only a proof opens the target`() async throws {
        try await DatabasePair.with("CREATE TABLE t (id int PRIMARY KEY)") { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            #expect(try await command.run("precopy").code == 0)
            for (ledger, ended, next) in Self.cases {
                try await pair.target.run(
                    """
                    BEGIN; UPDATE tidemark.run SET archive = NULL, omissions = '[]', rehearsal = NULL, is_rehearsed = false;
                    UPDATE tidemark.run SET \(ledger);
                    INSERT INTO tidemark.event (epoch, pass, kind, subject) SELECT epoch, pass, 'ended', '\(ended)' FROM tidemark.run;
                    COMMIT
                    """
                )
                let status = try await command.run("status")
                #expect(
                    status.output.contains("\nNEXT: \(next)"),
                    "\(ledger), \(ended): \(status.output)\(status.errors)"
                )
            }
        }
    }
}
