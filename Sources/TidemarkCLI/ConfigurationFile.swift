import FoundationEssentials
import Planning
import Postgres
import Tidemark
import Yams

/// `tidemark.yaml`: options that are too long for a command line.
///
/// ```yaml
/// jobs: 4
/// index_jobs: 2
/// index_memory: 512MB
/// chunk_size: 64MB
/// whole_below: 8MB
/// evidence: counters
/// tables:
///   public.audit_log: excluded
///   public.settings: whole
///   public.events:
///     treatment: append_only
///     where: tenant_id = 7
///     immutable_below: 1000000
/// ```
enum ConfigurationFile {
    private static let defaultPath = "tidemark.yaml"

    /// Reads the options from a file.
    ///
    /// - Parameter path: The file; nil means the default file, if it exists.
    /// - Returns: The defaults, with the file's options applied.
    /// - Throws: ``UsageError``.
    static func load(_ path: String?) throws -> MigrationOptions {
        if path == nil, !FileManager.default.fileExists(atPath: defaultPath) { return MigrationOptions.ofCommandLine }
        let path = path ?? defaultPath
        guard let data = FileManager.default.contents(atPath: path) else {
            throw UsageError(description: "cannot read the configuration file \(path)")
        }
        do {
            return try options(of: String(decoding: data, as: UTF8.self))
        } catch let error as UsageError {
            throw UsageError(description: "\(path): \(error)")
        } catch {
            throw UsageError(description: "\(path) is not valid YAML: \(error)")
        }
    }

    private static func options(of text: String) throws -> MigrationOptions {
        var options = MigrationOptions.ofCommandLine
        guard let root = try Yams.compose(yaml: text) else { return options }
        guard let mapping = root.mapping else {
            throw UsageError(description: "the file must be a mapping of 'name: value' pairs")
        }
        for (key, value) in mapping {
            switch key.string {
            case "jobs": options.jobs = try PlanArguments.count(try integer(value, "jobs"), "jobs")
            case "index_jobs":
                options.indexJobs = try PlanArguments.count(try integer(value, "index_jobs"), "index_jobs")
            case "index_memory": options.indexMemoryBytes = try size(value, "index_memory")
            case "chunk_size": options.plan.chunkBytes = try size(value, "chunk_size")
            case "whole_below": options.plan.wholeBelowBytes = try size(value, "whole_below")
            case "evidence": options.evidence = try evidence(value)
            case "tables": try tables(value, into: &options.plan)
            default:
                throw UsageError(
                    description: "unknown name '\(key.string ?? "?")'; known names are jobs, index_jobs, index_memory, "
                        + "chunk_size, whole_below, evidence, tables"
                )
            }
        }
        return options
    }

    private static func tables(_ node: Node, into options: inout PlanOptions) throws {
        guard let mapping = node.mapping else {
            throw UsageError(description: "tables must be a mapping of 'schema.table: treatment' pairs")
        }
        for (key, value) in mapping {
            let name = try QualifiedName(argument: key.string ?? "?")
            if let details = value.mapping {
                for (detail, value) in details { try set(detail.string ?? "?", of: name, to: value, in: &options) }
            } else {
                options.treatments[name] = try treatment(value, of: name)
            }
        }
    }

    private static func set(
        _ detail: String,
        of name: QualifiedName,
        to value: Node,
        in options: inout PlanOptions
    ) throws {
        switch detail {
        case "treatment": options.treatments[name] = try treatment(value, of: name)
        case "where": options.filters[name] = try text(value, "where of \(name)")
        case "immutable_below": options.immutableBelow[name] = try text(value, "immutable_below of \(name)")
        default:
            throw UsageError(
                description: "unknown name '\(detail)' of \(name); known names are treatment, where, immutable_below"
            )
        }
    }

    private static func treatment(_ node: Node, of name: QualifiedName) throws -> Treatment {
        guard let treatment = node.string.flatMap(Treatment.init(rawValue:)) else {
            let known = Treatment.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError(description: "the treatment of \(name) must be one of \(known)")
        }
        return treatment
    }

    private static func evidence(_ node: Node) throws -> Evidence {
        guard let evidence = node.string.flatMap(Evidence.init(rawValue:)) else {
            throw UsageError(
                description: "evidence must be one of \(Evidence.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return evidence
    }

    private static func text(_ node: Node, _ name: String) throws -> String {
        guard let text = node.scalar?.string, !text.isEmpty else {
            throw UsageError(description: "\(name) must be a string that is not empty")
        }
        return text
    }

    private static func integer(_ node: Node, _ name: String) throws -> Int {
        guard let number = node.int else { throw UsageError(description: "\(name) must be a whole number") }
        return number
    }

    private static func size(_ node: Node, _ name: String) throws -> Int {
        guard let size = node.string.flatMap(ByteSize.init(argument:)) else {
            throw UsageError(description: "\(name) must be a size such as 64MB")
        }
        return size.bytes
    }
}
