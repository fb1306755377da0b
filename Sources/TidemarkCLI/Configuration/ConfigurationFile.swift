import FoundationEssentials
import Planning
import Postgres
import Tidemark
import Yams

/// `tidemark.yaml`: options that are too long for a command line, or that should not be forgotten.
///
/// Options of the command line come before variables of the environment, and these before the file. The file's form is
/// described by docs/tidemark.schema.json.
///
/// ```yaml
/// jobs: 4
/// index_memory: 512MB
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
    static let defaultPath = "tidemark.yaml"
    /// The names of a table's details.
    static let details = ["treatment", "where", "immutable_below"]

    /// Reads the options from the file and the environment.
    ///
    /// - Parameters:
    ///   - path: The file; nil means `TIDEMARK_CONFIG`, or the default file if it exists.
    ///   - environment: The environment.
    /// - Returns: The defaults, with the file's options and then those of the environment applied.
    /// - Throws: ``UsageError``.
    static func load(
        _ path: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> MigrationOptions {
        var options = MigrationOptions.ofCommandLine
        let named = path ?? environment["TIDEMARK_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        if named != nil || FileManager.default.fileExists(atPath: defaultPath) {
            let path = named ?? defaultPath
            guard let data = FileManager.default.contents(atPath: path) else {
                throw UsageError(description: "cannot read the configuration file \(path)")
            }
            try read(String(decoding: data, as: UTF8.self), from: path, into: &options)
        }
        for setting in ConfigurationSetting.all {
            guard let text = environment[setting.variable], !text.isEmpty else { continue }
            try setting.apply(ConfigurationValue(text: text, name: setting.variable, place: ""), &options)
        }
        return options
    }

    /// Reads the text of a file.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - path: The file's name, for errors.
    ///   - options: Where its options are entered.
    /// - Throws: ``UsageError`` with file and line.
    static func read(_ text: String, from path: String, into options: inout MigrationOptions) throws {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw UsageError(description: "\(path) is not valid YAML: \(error)")
        }
        guard let root else { return }
        func place(_ node: Node) -> String { "\(path):\(node.mark?.line ?? 1): " }
        guard let mapping = root.mapping else {
            throw UsageError(description: "\(place(root))the file must be a mapping of 'name: value' pairs")
        }
        for (key, value) in mapping {
            let name = key.string ?? "?"
            if name == "tables" {
                try tables(value, place, into: &options.plan)
            } else if let setting = ConfigurationSetting.all.first(where: { $0.name == name }) {
                try setting.apply(ConfigurationValue(value, name: name, place: place(value)), &options)
            } else {
                throw unknown(name, among: ConfigurationSetting.all.map(\.name) + ["tables"], "", at: place(key))
            }
        }
    }

    private static func tables(_ node: Node, _ place: (Node) -> String, into options: inout PlanOptions) throws {
        guard let mapping = node.mapping else {
            throw UsageError(description: "\(place(node))tables must be a mapping of 'schema.table: treatment' pairs")
        }
        for (key, value) in mapping {
            let name: QualifiedName
            do {
                name = try QualifiedName(argument: key.string ?? "?")
            } catch {
                throw UsageError(description: "\(place(key))\(error)")
            }
            guard let mapping = value.mapping else {
                options.treatments[name] = try treatment(value, of: name, at: place(value))
                continue
            }
            for (detail, value) in mapping {
                let what = ConfigurationValue(
                    value,
                    name: "\(detail.string ?? "?") of \(name)",
                    place: place(value)
                )
                switch detail.string {
                case "treatment": options.treatments[name] = try treatment(value, of: name, at: place(value))
                case "where": options.filters[name] = try what.string()
                case "immutable_below": options.immutableBelow[name] = try what.string()
                default: throw unknown(detail.string ?? "?", among: details, " of \(name)", at: place(detail))
                }
            }
        }
    }

    private static func treatment(_ node: Node, of name: QualifiedName, at place: String) throws -> Treatment {
        guard let treatment = node.string.flatMap(Treatment.init(rawValue:)) else {
            let known = Treatment.allCases.map(\.rawValue)
            let nearest = NearestName.of(node.string ?? "", among: known).map { "; did you mean \($0)?" } ?? ""
            throw UsageError(
                description:
                    "\(place)the treatment of \(name) must be one of \(known.joined(separator: ", "))\(nearest)"
            )
        }
        return treatment
    }

    private static func unknown(_ name: String, among known: [String], _ whose: String, at place: String) -> UsageError
    {
        let nearest = NearestName.of(name, among: known).map { "did you mean '\($0)'? " } ?? ""
        return UsageError(
            description:
                "\(place)unknown name '\(name)'\(whose); \(nearest)known names are \(known.joined(separator: ", "))"
        )
    }
}
