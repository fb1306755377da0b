import FoundationEssentials
package import Postgres
import Subprocess
import SystemPackage

/// `pg_dump` and `pg_restore` of one major version.
package struct PostgresTools: Sendable {
    package let directory: String?
    package let version: ServerVersion

    /// Finds the tools of the target's major version, which is the newer one of the two.
    ///
    /// - Parameters:
    ///   - major: The target's major version.
    ///   - directory: The folder to search instead of the distributions' folders and PATH.
    /// - Returns: The tools.
    /// - Throws: ``ToolError`` if there are none; `CancellationError`.
    package static func find(major: Int, in directory: String?) async throws -> PostgresTools {
        // On Debian, PATH has a Perl wrapper that chooses the version by its own rules on each call.
        let places: [String?] =
            directory.map { [$0] } ?? ["/usr/lib/postgresql/\(major)/bin", "/usr/pgsql-\(major)/bin", nil]
        var found: [String] = []
        for place in places {
            guard let version = try await version(in: place) else { continue }
            if version.major == major { return PostgresTools(directory: place, version: version) }
            found.append("\(version.major) in \(place ?? "PATH")")
        }
        throw ToolError(
            "pg_dump and pg_restore \(major) are needed for the definitions but were not found"
                + (found.isEmpty ? "" : " (found \(found.joined(separator: ", ")))"),
            hint: "apt-get install postgresql-client-\(major), or give their folder with --pg-bin"
        )
    }

    /// Returns the tools' version; nil if one is missing or their versions differ.
    private static func version(in directory: String?) async throws -> ServerVersion? {
        do {
            let version = try await version(of: "pg_dump", in: directory)
            return try await Self.version(of: "pg_restore", in: directory) == version ? version : nil
        } catch {
            // A tool killed by our cancellation does not mean that it is not installed.
            try Task.checkCancellation()
            return nil
        }
    }

    /// Whether the server has a newer minor version than the tools, with changes they do not know.
    ///
    /// - Parameter server: A server's version.
    /// - Returns: False for a server of another major version, whose minor versions cannot be compared.
    package func areOlder(than server: ServerVersion) -> Bool {
        server.major == version.major && version < server
    }

    /// Runs a tool; if it fails, its standard error becomes the error's text.
    ///
    /// - Parameters:
    ///   - tool: `pg_dump` or `pg_restore`.
    ///   - arguments: Its arguments, without any password.
    ///   - files: Environment variables that name the private files with the secrets.
    /// - Returns: Its standard output.
    /// - Throws: ``ToolError``; `CancellationError` if the task was cancelled, whatever the tool reported.
    package func run(_ tool: String, _ arguments: [String], environment files: [String: String] = [:]) async throws
        -> ServerText
    {
        var environment = Self.withoutSecrets
        for (name, file) in files { environment[Environment.Key(stringLiteral: name)] = .some(file) }
        let result = try await Self.uncancelled(tool) {
            try await Subprocess.run(
                Self.executable(tool, in: directory),
                arguments: Arguments(arguments),
                environment: .inherit.updating(environment),
                platformOptions: Self.inGroupOfItsOwn,
                output: .bytes(limit: 256 << 20),
                error: .string(limit: 16 << 20)
            )
        }
        guard result.terminationStatus.isSuccess else {
            let lines = ServerText(result.standardError).pieces(between: "\n").prefix(12).map(\.visible)
                .joined(separator: "\n    ")
            // Messages of libpq, in English because of LC_ALL; a server's messages are in its own language.
            let message = ServerText(result.standardError)
            var error = ToolError("\(tool) failed:\n    \(lines)", hint: Self.hint(on: message))
            error.isLossOfServer = ["connection to server", "server closed the connection", "terminating connection"]
                .contains { message.contains($0) }
            throw error
        }
        // Replacing invalid bytes would silently change a function's body or a name.
        guard let output = String(validating: result.standardOutput, as: UTF8.self) else {
            throw ToolError(
                "the source's definitions contain text that is not valid in its encoding",
                hint:
                    "look for stray bytes in names, defaults, comments and function bodies; a SQL_ASCII database allows any"
            )
        }
        return ServerText(output)
    }

    /// What the operator can do about a tool's failure.
    ///
    /// - Parameter message: The tool's standard error.
    /// - Returns: The hint; nil if the message says it all, or if the server's language is not English.
    private static func hint(on message: ServerText) -> String? {
        // Without the right to read the table the same statement is refused at once.
        message.contains("Query was: LOCK TABLE ") && message.contains("due to statement timeout")
            ? "another session has kept this table locked for half a minute, as VACUUM FULL or a change of its definition does. When "
                + "it has ended, run the same command again"
            : nil
    }

    /// Removes what a child process must not see: other processes of the same user can read its environment.
    private static let withoutSecrets: [Environment.Key: String?] = [
        "TIDEMARK_SOURCE": nil, "TIDEMARK_TARGET": nil, "PGPASSWORD": nil, "PGOPTIONS": nil, "PGSERVICE": nil,
        "PGPASSFILE": nil, "LC_ALL": "C",
    ]

    /// Runs a child in its own process group: a terminal sends Ctrl-C to the whole group, and we decide what it ends.
    private static var inGroupOfItsOwn: PlatformOptions {
        var options = PlatformOptions()
        options.processGroupID = 0
        return options
    }

    /// Runs `body`; if the task was cancelled, the error of the killed child is replaced by `CancellationError`.
    private static func uncancelled<Result>(_ tool: String, _ body: () async throws -> Result) async throws -> Result {
        do {
            let result = try await body()
            try Task.checkCancellation()
            return result
        } catch {
            try Task.checkCancellation()
            throw ToolError("\(tool) cannot be run: \(error)")
        }
    }

    private static func executable(_ tool: String, in directory: String?) -> Executable {
        directory.map { .path(FilePath($0).appending(tool)) } ?? .name(tool)
    }

    private static func version(of tool: String, in directory: String?) async throws -> ServerVersion {
        let result = try await uncancelled(tool) {
            try await Subprocess.run(
                executable(tool, in: directory),
                arguments: ["--version"],
                environment: .inherit.updating(withoutSecrets),
                platformOptions: inGroupOfItsOwn,
                output: .string(limit: 4096),
                error: .discarded
            )
        }
        guard let version = ServerVersion(ofTool: result.standardOutput) else {
            throw ToolError("the output of \(tool) --version cannot be parsed")
        }
        return version
    }
}

extension ServerVersion {
    /// Parses a tool's version: `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `pg_dump (PostgreSQL) 18beta1`.
    init?(ofTool line: String) {
        // The output is ASCII.
        let numbers = line.utf8.split(separator: UInt8(ascii: ")")).dropFirst().first?.drop { $0 == UInt8(ascii: " ") }
            .prefix { !SQLStatements.isSpace($0) }.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .compactMap { Int(String($0) ?? "") }
        guard let numbers, let major = numbers.first else { return nil }
        // A beta has no minor version; the number after "beta" is not one.
        let isReleased = line.utf8.contains(UInt8(ascii: "."))
        self.init(number: major * 10_000 + (isReleased ? numbers.dropFirst().first ?? 0 : 0))
    }
}
