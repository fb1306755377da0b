import FoundationEssentials
import Planning
import Postgres
import Tidemark
import Yams

/// `tidemark.yaml`: what is too long for a command line.
///
/// ```yaml
/// jobs: 4
/// index_jobs: 2
/// index_memory: 512MB
/// chunk_size: 64MB
/// whole_below: 8MB
/// tables:
///   public.audit_log: excluded
///   public.settings: whole
/// ```
enum ConfigurationFile {
    private static let defaultPath = "tidemark.yaml"

    /// - Parameter path: The file; nil: the default one, if it exists.
    /// - Returns: The options it holds.
    /// - Throws: ``PostgresError``.
    static func load(_ path: String?) throws -> MigrationOptions {
        if path == nil, !FileManager.default.fileExists(atPath: defaultPath) { return MigrationOptions() }
        let path = path ?? defaultPath
        guard let data = FileManager.default.contents(atPath: path) else {
            throw UsageError(description: "cannot read the configuration \(path)")
        }
        do {
            return try options(of: String(decoding: data, as: UTF8.self))
        } catch let error as UsageError {
            throw UsageError(description: "\(path): \(error)")
        } catch {
            throw UsageError(description: "\(path) is no YAML: \(error)")
        }
    }

    private static func options(of text: String) throws -> MigrationOptions {
        var options = MigrationOptions()
        guard let root = try Yams.compose(yaml: text) else { return options }
        guard let mapping = root.mapping else { throw UsageError(description: "a list of 'name: value' is expected") }
        for (key, value) in mapping {
            switch key.string {
            case "jobs": options.jobs = try PlanArguments.count(try integer(value, "jobs"), "jobs")
            case "index_jobs":
                options.indexJobs = try PlanArguments.count(try integer(value, "index_jobs"), "index_jobs")
            case "index_memory": options.indexMemoryBytes = try size(value, "index_memory")
            case "chunk_size": options.plan.chunkBytes = try size(value, "chunk_size")
            case "whole_below": options.plan.wholeBelowBytes = try size(value, "whole_below")
            case "tables": options.plan.treatments = try treatments(value)
            default:
                throw UsageError(
                    description: "unknown name '\(key.string ?? "?")'; known are jobs, index_jobs, index_memory, "
                        + "chunk_size, whole_below, tables"
                )
            }
        }
        return options
    }

    private static func treatments(_ node: Node) throws -> [QualifiedName: Treatment] {
        guard let mapping = node.mapping else {
            throw UsageError(description: "tables is a list of 'schema.table: treatment'")
        }
        var treatments: [QualifiedName: Treatment] = [:]
        for (key, value) in mapping {
            guard let name = key.string, let treatment = value.string.flatMap(Treatment.init(rawValue:)) else {
                let known = Treatment.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError(description: "the treatment of \(key.string ?? "?") is one of \(known)")
            }
            treatments[try QualifiedName(argument: name)] = treatment
        }
        return treatments
    }

    private static func integer(_ node: Node, _ name: String) throws -> Int {
        guard let number = node.int else { throw UsageError(description: "\(name) is a number") }
        return number
    }

    private static func size(_ node: Node, _ name: String) throws -> Int {
        guard let size = node.string.flatMap(ByteSize.init(argument:)) else {
            throw UsageError(description: "\(name) is a size such as 64MB")
        }
        return size.bytes
    }
}
