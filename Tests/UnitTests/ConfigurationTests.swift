import Foundation
import Planning
import Postgres
import Testing
import Tidemark

@testable import TidemarkCLI

@Suite struct `The configuration file` {
    private static func read(_ text: String) throws -> MigrationOptions {
        var options = MigrationOptions()
        try ConfigurationFile.read(text, from: "t.yaml", into: &options)
        return options
    }

    @Test func `sets every option that it documents`() throws {
        let options = try Self.read(
            """
            jobs: 7
            index_jobs: 3
            index_memory: 1GB
            chunk_size: 32MB
            whole_below: 1MB
            max_transaction: 30
            evidence: counters
            fence: read-only
            wait_for_writers: 0
            exclude_schemas: [audit, '"Two words"', "a,b"]
            no_extensions: [pg_cron]
            tables:
              public.a: excluded
              public."B c":
                treatment: append_only
                where: id > 7
                immutable_below: 100
            """
        )
        #expect(options.jobs == 7 && options.indexJobs == 3 && options.indexMemoryBytes == 1 << 30)
        #expect(options.plan.chunkBytes == 32 << 20 && options.plan.wholeBelowBytes == 1 << 20)
        #expect(options.longestTransaction == .seconds(30) && options.patienceWithWriters == .zero)
        #expect(options.evidence == .counters && options.fence == .readOnly)
        #expect(
            options.omissions == [.schema("audit"), .schema("Two words"), .schema("a,b"), .extension("pg_cron")]
        )
        let quoted = QualifiedName(schema: "public", name: "B c")
        #expect(options.plan.treatments[QualifiedName(schema: "public", name: "a")] == .excluded)
        #expect(options.plan.treatments[quoted] == .appendOnly)
        #expect(options.plan.filters[quoted] == "id > 7" && options.plan.immutableBelow[quoted] == "100")
    }

    @Test(arguments: [
        ("# a comment\n\njob: 3", "t.yaml:3: unknown name 'job'; did you mean 'jobs'?"),
        ("jobs: 0", "t.yaml:1: jobs must be a whole number from 1 to 256"),
        ("jobs: 2\nchunk_size: big", "t.yaml:2: chunk_size must be a size such as 64MB"),
        ("evidence: count", "t.yaml:1: evidence must be one of rows, counters, declared"),
        ("tables:\n  public.t: del", "t.yaml:2: the treatment of public.t must be one of delta"),
        ("tables:\n  public.t: detla", "did you mean delta?"),
        ("tables:\n  public.t:\n    were: x", "t.yaml:3: unknown name 'were' of public.t; did you mean 'where'?"),
        ("tables:\n  t: delta", "t.yaml:2: "), ("- jobs", "t.yaml:1: the file must be a mapping"),
        ("exclude_schemas: [a, '']", "t.yaml:1: exclude_schemas must be a list of names"),
        ("jobs: [", "t.yaml is not valid YAML"),
    ])
    func `says where it is wrong, and what was probably meant`(_ text: String, _ message: String) {
        let error = #expect(throws: UsageError.self) { try Self.read(text) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    @Test func `comes after the environment`() throws {
        let path = FileManager.default.temporaryDirectory.path + "/tidemark-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("jobs: 7\nindex_jobs: 3\n".utf8).write(to: URL(filePath: path))
        let environment = ["TIDEMARK_CONFIG": path, "TIDEMARK_JOBS": "9", "TIDEMARK_EVIDENCE": "counters"]
        let options = try ConfigurationFile.load(nil, environment: environment)
        #expect(options.jobs == 9 && options.indexJobs == 3 && options.evidence == .counters)
        let error = #expect(throws: UsageError.self) {
            try ConfigurationFile.load(path, environment: ["TIDEMARK_JOBS": "many"])
        }
        #expect(error?.description == "TIDEMARK_JOBS must be a whole number from 1 to 256")
    }

    /// The schema, the file that is written, and the defaults of the library say the same.
    @Test func `is described by its schema, and written with its defaults`() throws {
        let schema = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(filePath: "docs/tidemark.schema.json"))
        )
        let properties = try #require((schema as? [String: Any])?["properties"] as? [String: Any])
        #expect(Set(properties.keys) == Set(ConfigurationSetting.all.map(\.name) + ["tables"]))
        let written = InitCommand.settings
        let uncommented = ConfigurationSetting.all.map { "\($0.name): \($0.standard)" }
        for line in uncommented { #expect(written.contains("#\(line)\n")) }
        let (options, standard) = (try Self.read(uncommented.joined(separator: "\n")), MigrationOptions())
        #expect(options.jobs == standard.jobs && options.indexJobs == standard.indexJobs)
        #expect(options.indexMemoryBytes == standard.indexMemoryBytes && options.evidence == standard.evidence)
        #expect(options.plan.chunkBytes == standard.plan.chunkBytes)
        #expect(options.plan.wholeBelowBytes == standard.plan.wholeBelowBytes && options.fence == standard.fence)
        #expect(options.longestTransaction == standard.longestTransaction)
        #expect(options.patienceWithWriters == standard.patienceWithWriters && options.omissions.isEmpty)
        _ = try Self.read(written)
    }

    @Test(arguments: [("jbos", "jobs"), ("chunksize", "chunk_size"), ("evidence", "evidence")])
    func `finds the nearest name`(_ name: String, _ nearest: String) {
        #expect(NearestName.of(name, among: ConfigurationSetting.all.map(\.name)) == nearest)
    }

    @Test(arguments: ["", "xyz", "parallelism"]) func `finds no name that is far away`(_ name: String) {
        #expect(NearestName.of(name, among: ConfigurationSetting.all.map(\.name)) == nil)
    }
}
