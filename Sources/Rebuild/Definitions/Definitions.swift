package import Catalog
import FoundationEssentials
import Glibc
package import Postgres

/// The source's definitions, dumped and printed by PostgreSQL's own tools.
package struct Definitions: Sendable {
    /// What is left out: owners, rights, tablespaces, kinds of objects, extensions and schemas.
    package struct Options: Sendable {
        package var skipsOwners: Bool
        package var skipsPrivileges: Bool
        package var skipsTablespaces: Bool
        /// Kinds of objects that are left out, as `pg_restore --list` calls them: EVENT TRIGGER, PUBLICATION.
        package var skippedKinds: [String]
        /// Extensions that are left out, with their comments.
        package var skippedExtensions: Set<ServerText> = []
        /// Schemas that are not dumped.
        package var skippedSchemas: Set<ServerText> = []

        package init(skipsOwners: Bool, skipsPrivileges: Bool, skipsTablespaces: Bool, skippedKinds: [String]) {
            self.skipsOwners = skipsOwners
            self.skipsPrivileges = skipsPrivileges
            self.skipsTablespaces = skipsTablespaces
            self.skippedKinds = skippedKinds
        }
    }

    /// How the child processes reach a database.
    package struct Access: Sendable {
        let conninfo: String
        /// Must not be in arguments or the environment: other processes of the same user can read both in /proc.
        let secrets: [String: String]

        /// Uses the parameters of an open connection, including the settings it is pinned to.
        ///
        /// - Throws: ``PostgresError``.
        package init(_ connection: Connection) throws {
            (conninfo, secrets) = try connection.connectionParameters()
        }
    }

    private let tools: PostgresTools
    /// For temporary files.
    private let folder: PrivateFolder
    /// The file, in `pg_dump`'s custom format.
    private let archive: String
    private let options: Options

    /// Dumps the source's definitions into a file that is removed with the value.
    ///
    /// - Parameters:
    ///   - source: How to reach the source.
    ///   - tools: Tools of the newer major version of the two servers.
    ///   - scratch: The folder in which a private one is created.
    ///   - excluded: Tables whose definitions are left out.
    ///   - purpose: Becomes `application_name`.
    ///   - options: What is left out.
    /// - Throws: ``ToolError``.
    package init(
        of source: Access,
        tools: PostgresTools,
        scratch: String,
        excluding excluded: Set<QualifiedName>,
        purpose: String,
        options: Options
    ) async throws {
        let folder = try PrivateFolder(in: scratch)
        self.init(tools: tools, folder: folder, archive: folder.file("definitions.dump"), options: options)
        try await dump(source, excluding: excluded, snapshot: nil, purpose: purpose)
    }

    private init(tools: PostgresTools, folder: PrivateFolder, archive: String, options: Options) {
        self.tools = tools
        self.folder = folder
        self.archive = archive
        self.options = options
    }

    /// Dumps the source's definitions into a file that is kept.
    ///
    /// - Parameters:
    ///   - source: How to reach the source.
    ///   - path: The file, which may already exist.
    ///   - tools: Tools of the source's major version or a newer one.
    ///   - scratch: The folder in which a private one is created.
    ///   - excluded: Tables whose definitions are left out.
    ///   - schemas: Schemas that are left out.
    ///   - snapshot: An exported snapshot to read; nil: `pg_dump` takes its own.
    ///   - purpose: Becomes `application_name`.
    /// - Throws: ``ToolError``.
    package static func write(
        of source: Access,
        to path: String,
        tools: PostgresTools,
        scratch: String,
        excluding excluded: Set<QualifiedName>,
        schemas: Set<ServerText>,
        snapshot: String?,
        purpose: String
    ) async throws {
        // Whoever restores decides what else is left out.
        var all = Options(skipsOwners: false, skipsPrivileges: false, skipsTablespaces: false, skippedKinds: [])
        all.skippedSchemas = schemas
        try await Definitions(tools: tools, folder: PrivateFolder(in: scratch), archive: path, options: all)
            .dump(source, excluding: excluded, snapshot: snapshot, purpose: purpose)
    }

    /// Uses definitions that were written earlier.
    ///
    /// - Parameters:
    ///   - tools: Tools of the target's major version.
    ///   - scratch: The folder in which a private one is created.
    ///   - options: What is left out.
    ///   - copy: Writes the file under the given name into the given folder, where no other user can change it.
    /// - Throws: ``ToolError``, and what `copy` throws.
    package init(
        tools: PostgresTools,
        scratch: String,
        options: Options,
        copy: (_ name: String, _ folder: String) throws -> Void
    ) throws {
        let folder = try PrivateFolder(in: scratch)
        let name = "definitions.dump"
        try copy(name, folder.path)
        self.init(tools: tools, folder: folder, archive: folder.file(name), options: options)
    }

    /// Uses a file that was kept (``file()``).
    ///
    /// - Parameters:
    ///   - kept: The file, in base64.
    ///   - tools: Tools of the target's major version.
    ///   - scratch: The folder in which a private one is created.
    ///   - options: What is left out.
    /// - Throws: ``ToolError`` if it is not a file in base64, ``FileError``.
    package init(kept: String, tools: PostgresTools, scratch: String, options: Options) throws {
        guard let bytes = Data(base64Encoded: kept, options: .ignoreUnknownCharacters) else {
            throw ToolError("the definitions kept in the ledger are damaged", hint: "run the command again")
        }
        try self.init(tools: tools, scratch: scratch, options: options) { name, folder in
            try bytes.withUnsafeBytes { try WholeFile.writePrivate($0, to: "\(folder)/\(name)") }
        }
    }

    /// Returns the file, to be kept.
    ///
    /// - Returns: The file, in base64.
    /// - Throws: ``ToolError`` if it cannot be read.
    package func file() throws -> String {
        guard let bytes = FileManager.default.contents(atPath: archive) else {
            throw ToolError(
                "cannot read \(archive), which pg_dump wrote a moment ago",
                hint: "look whether something removes files there"
            )
        }
        return bytes.base64EncodedString()
    }

    /// Returns the SQL that creates schemas, types, functions, tables and views; rights come last (``PostData``).
    ///
    /// - Returns: Statements to be run in one transaction, together with the ledger's line that records them.
    /// - Throws: ``ToolError``.
    package func preData() async throws -> SQL {
        guard !options.skippedExtensions.isEmpty else {
            return try await script(["--section=pre-data", "--no-privileges"])
        }
        return try await script(selecting: listed("pre-data").filter { !$0.isOfRights })
    }

    /// Returns the same entry by entry, to find out what has changed.
    ///
    /// - Returns: The entries, each after those it depends on.
    /// - Throws: ``ToolError``.
    package func preDataEntries() async throws -> [DefinitionEntry] {
        try await DefinitionEntry.entries(listed("pre-data"), script: preData().text)
    }

    /// Returns the publications, subscriptions and event triggers, which are in no schema and come after the rows.
    ///
    /// - Returns: Kind and name of each one that is copied, as `pg_restore --list` prints them.
    /// - Throws: ``ToolError``.
    package func objectsOfDatabase() async throws -> Set<ServerText> {
        let kinds = ["PUBLICATION", "SUBSCRIPTION", "EVENT TRIGGER"]
        let script = try await script(["--section=post-data"]).text
        return Set(
            DefinitionEntry.entries(try await listed("post-data"), script: script)
                .filter { kinds.contains($0.kind) }.map { ServerText("\($0.kind) \($0.name.string)") }
        )
    }

    /// Returns the SQL that creates only some entries.
    ///
    /// - Parameter entries: Entries of this file.
    /// - Returns: Statements to be run in one transaction.
    /// - Throws: ``ToolError``.
    package func script(of entries: [DefinitionEntry]) async throws -> SQL {
        try await script(selecting: entries.compactMap { ListedEntry($0.line) })
    }

    /// What comes after the rows and is not built by the engine itself; each part is run in one transaction, together
    /// with the ledger's line that records it.
    package struct PostData: Sendable {
        /// Objects that depend on a key (a view that groups by one, a function whose body does) and would otherwise
        /// come before the rows.
        package let late: [DefinitionEntry]
        /// Triggers, rules, policies, publications, comments and the like.
        package let rest: [DefinitionEntry]
        /// GRANTs and default privileges.
        ///
        /// They come last: an owner may have revoked its own INSERT or SELECT, which copying the rows needs.
        package let rights: [DefinitionEntry]
    }

    /// Returns the definitions that come after the rows.
    ///
    /// - Parameter built: What the engine builds itself. All other entries of `pg_dump` are created from its own
    ///   statements, including those that a later version gives the same kind.
    /// - Returns: All parts of it.
    /// - Throws: ``ToolError``.
    package func postData(without built: BuiltObjects) async throws -> PostData {
        let entries = try await listed("post-data").filter { !built.contains($0) && !$0.isOfRights }
        let rights = try await listed(nil).filter(\.isOfRights)
        return PostData(
            late: try await made(entries.filter(\.isLate)),
            rest: try await made(entries.filter { !$0.isLate }),
            rights: try await made(rights)
        )
    }

    /// Returns all entries in order, including keys and indexes, with the statements that set owners.
    ///
    /// - Returns: The entries; rights come last.
    /// - Throws: ``ToolError``.
    package func allEntries() async throws -> [DefinitionEntry] {
        let all = try await listed(nil)
        return try await made(all.filter { !$0.isOfRights } + all.filter(\.isOfRights), withOwners: true)
    }

    /// Returns entries with their statements.
    private func made(_ listed: [ListedEntry], withOwners: Bool = false) async throws -> [DefinitionEntry] {
        DefinitionEntry.entries(listed, script: try await script(selecting: listed).text, withOwners: withOwners)
    }

    /// Returns a script without psql's own commands.
    ///
    /// Newer minor versions frame a script with `\restrict key` and `\unrestrict key`. Anything else that is not SQL is
    /// left in; the server reports it as an error, and nothing executes it.
    package static func withoutFrame(_ script: ServerText) -> ServerText {
        var lines = script.pieces(between: "\n", omittingEmptySubsequences: false)
        if let first = lines.firstIndex(where: { $0.begins(with: "\\restrict ") }),
            lines[..<first].allSatisfy({ $0.isEmpty || $0.begins(with: "--") }),
            let last = lines.lastIndex(of: "\\un" + lines[first].dropFirst(1)), last > first
        {
            lines.remove(at: last)
            lines.remove(at: first)
        }
        return lines.joined(separator: "\n")
    }

    private func script(selecting lines: [ListedEntry]) async throws -> SQL {
        guard !lines.isEmpty else { return "" }
        let list = folder.file("selected.list")
        try folder.write(lines.map { $0.line.string + "\n" }.joined(), to: list)
        return try await script(["--use-list=\(list)"])
    }

    private func script(_ selection: [String]) async throws -> SQL {
        var arguments = selection
        if options.skipsOwners { arguments.append("--no-owner") }
        if options.skipsPrivileges { arguments.append("--no-privileges") }
        if options.skipsTablespaces { arguments.append("--no-tablespaces") }
        let script = try await tools.run("pg_restore", arguments + ["--file=-", archive])
        // The source's server printed parts of it, and the target's server has to parse them.
        let ours = ExtensionDependence.removed(options.skippedExtensions, from: Self.withoutFrame(script))
        return SQL(trusted: ServerBookkeeping.removed(from: ours).quotedForAllServers)
    }

    /// Lists a section of the file, or all of it, without the entries that are left out.
    private func listed(_ section: String?) async throws -> [ListedEntry] {
        let selection = section.map { ["--section=\($0)"] } ?? []
        let listing = try await tools.run("pg_restore", ["--list"] + selection + [archive])
        return ListedEntry.all(in: listing).filter { entry in
            !entry.isOf(options.skippedKinds) && !(options.skipsPrivileges && entry.isOfRights)
                && !options.skippedExtensions.contains(where: entry.isOfExtension)
        }
    }

    private func dump(
        _ source: Access,
        excluding excluded: Set<QualifiedName>,
        snapshot: String?,
        purpose: String
    ) async throws {
        var arguments = [
            "--format=custom", "--schema-only", "--encoding=UTF8", "--no-password", "--lock-wait-timeout=30000",
            "--no-sync", "--exclude-schema=tidemark", "--file=\(archive)",
        ]
        // Within double quotes a pattern's characters are literal.
        arguments += excluded.sorted().map { "--exclude-table=\($0.quoted)" }
        arguments += options.skippedSchemas.sorted().map { "--exclude-schema=\(Identifier($0).quoted)" }
        if let snapshot { arguments.append("--snapshot=\(snapshot)") }
        var conninfo = "\(source.conninfo) application_name=\(Escaping.connectionValue(purpose))"
        var (environment, secrets): ([String: String], [String: String]) = ([:], source.secrets)
        let (passwordFile, serviceFile) = (folder.file("password"), folder.file("service"))
        defer { for file in [passwordFile, serviceFile] { unlink(file) } }
        if let password = secrets.removeValue(forKey: "password") {
            try folder.write("*:*:*:*:\(Escaping.passwordField(password))\n", to: passwordFile)
            environment["PGPASSFILE"] = passwordFile
        }
        if !secrets.isEmpty {
            let lines = secrets.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }
            try folder.write("[tidemark]\n" + lines.joined(), to: serviceFile)
            environment["PGSERVICEFILE"] = serviceFile
            conninfo += " service=tidemark"
        }
        _ = try await tools.run("pg_dump", arguments + ["--dbname=\(conninfo)"], environment: environment)
        StatusPoint.definitionsDumped.reached()
        try folder.refuseIfFull()
    }
}
