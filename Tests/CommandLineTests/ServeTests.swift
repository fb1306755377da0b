import TestSupport
import Testing

/// `tidemark status --serve`, read by plain requests and by a browser if the machine has one.
@Suite struct `A page with the status` {
    @Test(.onceIn(2)) func `follows a run, and shows names only as text`() async throws {
        let outcome = try await Command.script("Tests/CommandLineTests/Scenarios/serve.sh")
        #expect(outcome.code == 0, "\(outcome.errors)")
        var expected = [
            "before: no run has started on this target",
            "policy: Content-Security-Policy: default-src 'none'; script-src 'self'",
            "refused: GET / evil.example: HTTP/1.1 421", "refused: POST /status.json: HTTP/1.1 405",
            "refused: GET /../etc/passwd: HTTP/1.1 404", "Address already in use", "exit 64",
            "after: Step     precopied",
            "json: \"step\":\"precopied\"", "serving ended with 0",
        ]
        if !outcome.output.contains("browser: none") {
            expected += [
                "page before: <h1 id=\"title\">No run has started on this target</h1>",
                "working: <h1 id=\"title\">precopy: copy and build</h1>",
                "names: &lt;img onerror&gt; &amp;amp; &lt;b&gt;",
                "gone: id=\"trouble\" role=\"alert\">cannot connect to the target",
            ]
        }
        for line in expected { #expect(outcome.output.contains(line), "\(line)\n\(outcome.output)\(outcome.errors)") }
    }
}
