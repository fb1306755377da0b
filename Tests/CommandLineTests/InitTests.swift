import FoundationEssentials
import TestSupport
import Testing

@Suite struct `The file that init writes` {
    @Test func `names every table, works when its lines are uncommented, and is not overwritten`() async throws {
        try await DatabasePair.with(
            """
            CREATE TABLE events (id int PRIMARY KEY); INSERT INTO events SELECT generate_series(1, 100);
            CREATE TABLE "It's: #1" (id int PRIMARY KEY)
            """
        ) { pair in
            let path = FileManager.default.temporaryDirectory.path + "/init-\(UUID().uuidString).yaml"
            defer { try? FileManager.default.removeItem(atPath: path) }
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            let written = try await command.run("init", "--output", path)
            #expect(written.code == 0 && written.output.contains(path), "\(written.errors)")
            #expect(try await command.run("plan", "--config", path).code == 0)
            let again = try await command.run("init", "--output", path)
            #expect(again.code == 64 && again.errors.contains("is not overwritten"), "\(again.errors)")

            // Every line that is an example becomes one that counts.
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let lines = text.utf8.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
            let examples = lines.filter { $0.wholeMatch(of: /#([a-z]|  [^#]).*/) != nil }
            let uncommented = examples.map { String($0.dropFirst()) }.joined(separator: "\n")
            #expect(uncommented.contains("public.events: whole"), "\(text)")
            try Data(uncommented.utf8).write(to: URL(filePath: path))
            let plan = try await command.run("plan", "--config", path)
            #expect(plan.code == 0 && plan.output.contains("It's: #1"), "\(plan.errors)\(uncommented)")
        }
    }
}
