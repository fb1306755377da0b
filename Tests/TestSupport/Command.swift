import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// The built command, run as an operator would run it.
package struct Command: Sendable {
    /// The result of a command.
    package struct Outcome: Sendable {
        /// The exit code; nil if a signal ended it.
        package let code: Int32?
        package let output: String
        package let errors: String
    }

    let environment: [String: String]

    package init(environment: [String: String] = [:]) {
        self.environment = environment
    }

    /// Runs the command to its end.
    package func run(_ arguments: String...) async throws -> Outcome {
        try await run(arguments, killAfter: nil)
    }

    /// Runs the command and ends it with SIGKILL if it has not ended after a delay.
    package func run(_ arguments: [String], killAfter delay: Duration?) async throws -> Outcome {
        try await run(arguments, sending: .kill, after: delay)
    }

    /// Runs the command and ends it with SIGKILL a moment after it has reported the start of a phase.
    ///
    /// - Returns: The result, with an exit code if the command ended by itself before the kill.
    package func run(_ arguments: [String], killInPhase phase: String, after delay: Duration) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            input: .none,
            output: .discarded,
            error: .sequence
        ) { execution in
            var errors = ""
            var isKilled = false
            for try await bytes in execution.standardError {
                errors += bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                // The line of a phase is a time, its zone and the phase's name.
                let lines = errors.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 2) }
                guard !isKilled, lines.contains(where: { $0.count == 3 && $0[2] == phase }) else {
                    continue
                }
                isKilled = true
                try await Task.sleep(for: delay)
                try? execution.send(signal: .kill)
            }
            return errors
        }
        return Outcome(code: result.terminationStatus.code, output: "", errors: result.closureResult)
    }

    /// Runs the command and ends it with SIGKILL as soon as a file of that name exists.
    ///
    /// - Returns: The result, with an exit code if the file appeared or was noticed too late.
    package func run(_ arguments: [String], killWhenThere path: String) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        ) { execution in
            // Checks without a pause, because some files exist only for a fraction of a millisecond.
            let limit = ContinuousClock.now + .seconds(4)
            while access(path, F_OK) != 0, ContinuousClock.now < limit {}
            try? execution.send(signal: .kill)
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Runs the command and sends SIGINT as soon as a file of that name exists: once to its process group, like Ctrl-C
    /// in a terminal, or several times to the command alone.
    package func run(_ arguments: [String], interrupt times: Int, ofGroup: Bool, whenThere path: String) async throws
        -> Outcome
    {
        var options = PlatformOptions()
        options.processGroupID = 0
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            platformOptions: options,
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        ) { execution in
            let limit = ContinuousClock.now + .seconds(20)
            while access(path, F_OK) != 0, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(5)) }
            for _ in 0..<times {
                try? execution.send(signal: .interrupt, toProcessGroup: ofGroup)
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Runs a line of bash in which the command is "$TIDEMARK".
    package func shell(_ line: String) async throws -> Outcome {
        let result = try await Subprocess.run(
            .name("bash"),
            arguments: ["-c", line],
            environment: .inherit.updating(variables).updating(["TIDEMARK": Self.path]),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        )
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Creates a folder with a `pg_dump` and a `pg_restore` that run some lines of sh before they do their work.
    package static func makeTools(in folder: String, running lines: [String: String]) throws {
        guard let bin = ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"] else { throw TestServers.Missing() }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for tool in ["pg_dump", "pg_restore"] {
            let script = "#!/bin/sh\n\(lines[tool] ?? "")\nexec \(bin)/\(tool) \"$@\"\n"
            try Data(script.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(tool)"))
            chmod("\(folder)/\(tool)", 0o755)
        }
    }

    /// Runs the command and sends it SIGINT, like Ctrl-C, if it has not ended after a delay.
    package func run(_ arguments: [String], interruptAfter delay: Duration) async throws -> Outcome {
        try await run(arguments, sending: .interrupt, after: delay)
    }

    /// Runs the command and sends it SIGINT twice: the second one cancels the current step.
    package func run(_ arguments: [String], interruptTwiceAfter delay: Duration) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        ) { execution in
            try await Task.sleep(for: delay)
            for _ in 0..<2 {
                try? execution.send(signal: .interrupt)
                try await Task.sleep(for: .milliseconds(15))
            }
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    var variables: [Environment.Key: String?] {
        Dictionary(
            uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) }
        )
    }

    private func run(_ arguments: [String], sending signal: Signal, after delay: Duration?) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        ) { execution in
            guard let delay else { return }
            let moment = ContinuousClock.now + delay
            let process = execution.processIdentifier.value
            while ContinuousClock.now < moment {
                // If it has ended by itself, there is no process to kill.
                guard Self.isRunning(process) else { return }
                try await Task.sleep(for: min(.milliseconds(5), ContinuousClock.now.duration(to: moment)))
            }
            try? execution.send(signal: signal)
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Limits the number of scripts at a time: all of them together make everything else ten times slower.
    private static let scripts = Turnstile(places: 3)

    /// Runs a test script that starts its own servers; the script gets the command's path before its other arguments.
    package static func script(_ path: String, _ others: String...) async throws -> Outcome {
        try await scripts.through { try await program("bash", [path, Self.path] + others) }
    }

    /// Runs one of PostgreSQL's own tools.
    package static func tool(_ name: String, _ arguments: [String]) async throws -> Outcome {
        let folder = ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"]
        return try await program(folder.map { "\($0)/\(name)" } ?? name, arguments)
    }

    /// Runs another program, by its path or its name.
    package static func program(_ program: String, _ arguments: [String]) async throws -> Outcome {
        let result = try await Subprocess.run(
            program.contains("/") ? .path(FilePath(program)) : .name(program),
            arguments: Arguments(arguments),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        )
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Removes the server's internal options, which a `pg_dump` older than its server prints, without using the tool.
    package static let withoutBookkeeping = #"""
        perl -0777 -pe 's/\bpg_attver=\d+, //g; s/, pg_attver=\d+\)/)/g;
            s/ALTER (FOREIGN )?TABLE ONLY (?:"(?:[^"]|"")*"|[\w.])+ ALTER COLUMN (?:"(?:[^"]|"")*"|\w+) SET \(pg_attver=\d+\);//g'
        """#

    /// Runs one of PostgreSQL's tools and removes the server's internal options from its output.
    package static func filtered(_ command: [String]) async throws -> Outcome {
        try await shell([quoted(command), withoutBookkeeping])
    }

    /// Pipes one PostgreSQL tool into another, without the server's internal options.
    package static func pipe(_ first: [String], into second: [String]) async throws -> Outcome {
        try await shell([quoted(first), withoutBookkeeping, quoted(second)])
    }

    private static func quoted(_ command: [String]) -> String {
        let tools = ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"].map { "\($0)/" } ?? ""
        return (command.enumerated().map { $0 == 0 ? tools + $1 : $1 }).map {
            "'" + $0.replacing("'", with: "'\\''") + "'"
        }.joined(separator: " ")
    }

    private static func shell(_ commands: [String]) async throws -> Outcome {
        let result = try await Subprocess.run(
            .name("bash"),
            arguments: ["-o", "pipefail", "-c", commands.joined(separator: " | ")],
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 1 << 20)
        )
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Next to the test bundle, where SwiftPM puts all products of a build.
    package static var path: String { built("tidemark") }

    /// The path of a built program.
    package static func built(_ name: String) -> String {
        let bundle = CommandLine.arguments.first ?? ""
        let folder = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let beside = "\(folder)/\(name)"
        return FileManager.default.fileExists(atPath: beside) ? beside : ".build/debug/\(name)"
    }
}

extension TerminationStatus {
    /// The exit code; nil if a signal ended the process.
    var code: Int32? {
        guard case .exited(let status) = self else { return nil }
        return status
    }
}
