import FoundationEssentials
import Glibc
package import Postgres
import Subprocess
import SystemPackage

extension Command {
    /// The command with more variables in its environment.
    package func with(_ variables: [String: String]) -> Command {
        Command(environment: environment.merging(variables) { $1 })
    }

    /// Runs the command and ends it with SIGKILL at a place in the engine.
    ///
    /// - Parameters:
    ///   - arguments: The command's arguments.
    ///   - point: The place.
    ///   - time: At which time that the command is there, from 1.
    /// - Returns: The result, with an exit code if the command was there less often.
    /// - Throws: What starting the command throws.
    package func run(_ arguments: [String], killAt point: StatusPoint, time: Int) async throws -> Outcome {
        try await with(["TIDEMARK_STATUS_POINT": "\(point.rawValue):\(time):kill"]).run(arguments, killAfter: nil)
    }

    /// Runs the command to its end, and counts how often it was at each place.
    package func runCounting(_ arguments: [String]) async throws -> (outcome: Outcome, points: [StatusPoint: Int]) {
        let log = FileManager.default.temporaryDirectory.appending(path: "tidemark-points-\(UUID())").path
        defer { unlink(log) }
        let outcome = try await with(["TIDEMARK_STATUS_LOG": log]).run(arguments, killAfter: nil)
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        return (
            outcome,
            lines.compactMap { StatusPoint(rawValue: String($0)) }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        )
    }

    /// Runs the command, stops it with SIGSTOP at a place in the engine, and lets it go on after `body`.
    ///
    /// - Parameters:
    ///   - arguments: The command's arguments.
    ///   - point: The place.
    ///   - time: At which time that the command is there, from 1.
    ///   - body: What happens meanwhile; not called if the command was there less often.
    /// - Returns: The result.
    /// - Throws: What `body` throws.
    package func run(
        _ arguments: [String],
        pauseAt point: StatusPoint,
        time: Int = 1,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Outcome {
        let command = with(["TIDEMARK_STATUS_POINT": "\(point.rawValue):\(time):pause"])
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(command.variables),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        ) { execution in
            let process = execution.processIdentifier.value
            while true {
                guard Self.isRunning(process) else { return }
                if Self.state(of: process) == "T" {
                    defer { kill(process, SIGCONT) }
                    return try await body()
                }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Whether a child process has not ended; the parent may not have asked yet how it did.
    static func isRunning(_ process: pid_t) -> Bool { state(of: process).map { $0 != "Z" } ?? false }

    /// The state of a process (proc(5)): `T` for stopped, `Z` for ended; nil if there is none.
    private static func state(of process: pid_t) -> Character? {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        // The program's name is in parentheses and may contain some itself.
        return String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.first { $0 != " " }
    }
}
