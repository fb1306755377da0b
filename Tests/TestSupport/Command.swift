import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// The built command, run as an operator would.
package struct Command: Sendable {
    /// How it ended.
    package struct Outcome: Sendable {
        /// The exit code; nil if a signal ended it.
        package let code: Int32?
        package let output: String
        package let errors: String
    }

    private let environment: [String: String]

    package init(environment: [String: String] = [:]) {
        self.environment = environment
    }

    /// Runs it to its end.
    package func run(_ arguments: String...) async throws -> Outcome {
        try await run(arguments, killAfter: nil)
    }

    /// Runs it and, when it has not ended by then, ends it with SIGKILL.
    package func run(_ arguments: [String], killAfter delay: Duration?) async throws -> Outcome {
        try await run(arguments, sending: .kill, after: delay)
    }

    /// Runs it and ends it with SIGKILL a moment after it has said that a phase begins.
    ///
    /// - Returns: How it ended; an exit code if it ended before that phase, or so soon after that nobody was left to
    ///   kill.
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
                // A line of a phase is a time and its name.
                guard !isKilled, errors.split(separator: "\n").contains(where: { $0.dropFirst(9) == phase }) else {
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

    /// Runs it and ends it with SIGKILL as soon as there is a file of that name.
    ///
    /// - Returns: How it ended; an exit code if the file has come too late, or too late was seen.
    package func run(_ arguments: [String], killWhenThere path: String) async throws -> Outcome {
        let result = try await Subprocess.run(
            .path(FilePath(Self.path)),
            arguments: Arguments(arguments),
            environment: .inherit.updating(variables),
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        ) { execution in
            // Without a pause in between: some files are there for a fraction of a millisecond.
            let limit = ContinuousClock.now + .seconds(4)
            while access(path, F_OK) != 0, ContinuousClock.now < limit {}
            try? execution.send(signal: .kill)
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Runs it, and as soon as there is a file of that name, sends SIGINT: once to its process group, as a terminal does
    /// with Ctrl-C, or several times to it alone.
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

    /// Runs it in a line of bash, where it is called "$TIDEMARK".
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

    /// Makes a folder with a `pg_dump` and a `pg_restore` that run some lines of sh before they do their work.
    package static func makeTools(in folder: String, running lines: [String: String]) throws {
        guard let bin = ProcessInfo.processInfo.environment["TIDEMARK_TEST_PG_BIN"] else { throw TestServers.Missing() }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for tool in ["pg_dump", "pg_restore"] {
            let script = "#!/bin/sh\n\(lines[tool] ?? "")\nexec \(bin)/\(tool) \"$@\"\n"
            try Data(script.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(tool)"))
            chmod("\(folder)/\(tool)", 0o755)
        }
    }

    /// Runs it and, when it has not ended by then, sends it SIGINT, as Ctrl-C does.
    package func run(_ arguments: [String], interruptAfter delay: Duration) async throws -> Outcome {
        try await run(arguments, sending: .interrupt, after: delay)
    }

    /// The same twice: the second cancels what is at hand.
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

    private var variables: [Environment.Key: String?] {
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
            try await Task.sleep(for: delay)
            // It may have ended by itself: then there is nobody to kill.
            try? execution.send(signal: signal)
        }
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// Runs a script of the tests that needs servers of its own; it gets the command's path.
    package static func script(_ path: String) async throws -> Outcome {
        let result = try await Subprocess.run(
            .name("bash"),
            arguments: [path, Self.path],
            input: .none,
            output: .string(limit: 64 << 20),
            error: .string(limit: 64 << 20)
        )
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
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
            error: .string(limit: 1 << 20)
        )
        return Outcome(code: result.terminationStatus.code, output: result.standardOutput, errors: result.standardError)
    }

    /// What a `pg_dump` that is older than its server writes of options that the server keeps for itself, taken out by
    /// somebody else than the tool.
    package static let withoutBookkeeping = #"""
        perl -0777 -pe 's/\bpg_attver=\d+, //g; s/, pg_attver=\d+\)/)/g;
            s/ALTER (FOREIGN )?TABLE ONLY (?:"(?:[^"]|"")*"|[\w.])+ ALTER COLUMN (?:"(?:[^"]|"")*"|\w+) SET \(pg_attver=\d+\);//g'
        """#

    /// Runs one tool of PostgreSQL's; what it prints comes without a server's own options.
    package static func filtered(_ command: [String]) async throws -> Outcome {
        try await shell([quoted(command), withoutBookkeeping])
    }

    /// Runs one tool of PostgreSQL's with its output, without a server's own options, into another one's input.
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

    /// Beside the test bundle, where SwiftPM puts all products of one build.
    package static var path: String {
        let bundle = CommandLine.arguments.first ?? ""
        let folder = bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let beside = folder + "/tidemark"
        return FileManager.default.fileExists(atPath: beside) ? beside : ".build/debug/tidemark"
    }
}

extension TerminationStatus {
    /// nil if a signal ended it.
    fileprivate var code: Int32? {
        guard case .exited(let status) = self else { return nil }
        return status
    }
}
