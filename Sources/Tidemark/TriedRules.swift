import Postgres
import Rebuild
import Verification

/// What is said of definitions by rules over the catalogs, as far as the target's server agrees.
///
/// Rules know what would help; whether a definition is refused the server alone knows. A rule is kept if something was refused
/// that it explains; what no rule explains is told in the server's words.
struct TriedRules {
    /// What the rules say, and what was refused beside.
    let findings: [Finding]

    /// What a rule says of these is not about a statement.
    private static let unrelated: Set = ["tablespace", "index", "large object", "check constraint", "extension rows"]

    /// - Parameters:
    ///   - rules: What the rules say.
    ///   - trial: What the server said.
    init(rules: [Finding], trial: DefinitionTrial.Outcome) {
        var explained = Set<Int>()
        let refusals = trial.refusals
        let kept = rules.filter { rule in
            guard rule.severity == .stops, !Self.unrelated.contains(rule.kind),
                ![".schema", ".unreadable"].contains(where: { ServerText(rule.code).ends(with: $0) })
            else { return true }
            let found = refusals.indices.filter {
                rule.isAbout(refusals[$0].entry) || rule.explains(ServerText(refusals[$0].error.message))
            }
            explained.formUnion(found)
            return !found.isEmpty || trial.undecided.contains(where: rule.isAbout)
        }
        findings = kept + refusals.indices.filter { !explained.contains($0) }.map { refusals[$0].finding }
    }
}

extension Finding {
    /// Whether a server's message names what the finding is about.
    fileprivate func explains(_ message: ServerText) -> Bool {
        message.contains("\"" + ServerText(object) + "\"")
            || code == "role.may-not-create" && message.contains("schema public")
    }

    /// Whether it is about what a definition makes.
    fileprivate func isAbout(_ entry: DefinitionEntry) -> Bool {
        switch kind {
        case "role": return false
        case "database setting": return entry.kind == "DATABASE SETTING"
        case "extension": return entry.kind == "EXTENSION" && entry.name == ServerText(object)
        case "cast without a function": return entry.kind == "CAST"
        default:
            let object = ServerText(object)
            let name = entry.qualifiedName
            // A function's name is its signature.
            let names = [entry.name, ServerText(name.description), name.schema + "." + name.name]
            return names.contains {
                $0 == object || $0.begins(with: object + "(") || $0.begins(with: object + " ")
            }
        }
    }
}
