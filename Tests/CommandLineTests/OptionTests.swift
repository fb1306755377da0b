import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite struct `An option` {
    private static let schema = "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)"

    private static func command(_ pair: DatabasePair) -> Command {
        Command(environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo])
    }

    @Test func `that inspect suggests is accepted by inspect`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let tools = FileManager.default.temporaryDirectory.path + "/tools-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: tools) }
            let command = Self.command(pair)
            mkdir(tools, 0o700)
            let without = try await command.run("inspect", "--pg-bin", tools)
            #expect(without.code == 1 && without.output.contains("--pg-bin"), "\(without.output)\(without.errors)")
            try Command.makeTools(in: tools, running: [:])
            let with = try await command.run("inspect", "--pg-bin", tools, "--exclude", "public.t")
            #expect(with.code == 0, "\(with.output)\(with.errors)")
        }
    }

    @Test(.onceIn(2), .disabled(if: HostileDatabase.isWanted, "The target would not be empty without its tables."))
    func `of one letter may be directly followed by its value`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let archive = FileManager.default.temporaryDirectory.path + "/joined-\(UUID().uuidString)"
            defer { try? FileManager.default.removeItem(atPath: archive) }
            let command = Self.command(pair)
            for arguments in [
                ["precopy", "-j2"], ["precopy", "-q", "-j2"], ["precopy", "-j", "2"], ["precopy", "--jobs=2"],
                ["cutover", "-j2"], ["verify", "-j1", "-q"], ["dump", "--archive", archive, "-j3"],
            ] {
                let outcome = try await command.run(arguments, killAfter: nil)
                #expect(outcome.code == 0, "\(arguments): \(outcome.errors)")
            }
            try await pair.target.run("DROP TABLE t; DROP SCHEMA tidemark CASCADE")
            let restored = try await command.run("restore", "--archive", archive, "-j2")
            #expect(restored.code == 0, "\(restored.errors)")
            for wrong in ["-j", "-jx", "-j0"] {
                let outcome = try await command.run("verify", wrong)
                #expect(outcome.code == 64, "\(wrong): \(outcome.errors)")
            }
        }
    }
}
