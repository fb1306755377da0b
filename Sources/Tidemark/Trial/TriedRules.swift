import Catalog
import Postgres
import Rebuild
import Verification

/// The findings of rules over the catalogs, as far as the target server confirms them.
///
/// Rules know what would help, but only the server knows whether it refuses a definition. A rule's finding is kept if
/// it explains something that was refused. A refusal that no rule explains is reported with the server's message.
struct TriedRules {
    /// The confirmed findings of the rules, and the other refusals.
    let findings: [Finding]

    /// The kinds whose findings are not about a single statement.
    private static let unrelated: Set = ["tablespace", "index", "large object", "check constraint", "extension rows"]

    /// Combines the findings of rules with the server's refusals.
    ///
    /// - Parameters:
    ///   - rules: The findings of the rules.
    ///   - trial: What the server refused.
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
    /// Whether a server's message names the object of the finding.
    fileprivate func explains(_ message: ServerText) -> Bool {
        message.contains("\"" + ServerText(object) + "\"")
            || code == "role.may-not-create" && message.contains("schema public")
    }

    /// Whether the finding is about the object that a definition creates.
    fileprivate func isAbout(_ entry: DefinitionEntry) -> Bool {
        switch kind {
        case "role": return false
        case "database setting": return entry.kind == "DATABASE SETTING"
        case "extension": return entry.kind == "EXTENSION" && entry.name == ServerText(object)
        case "cast without a function": return entry.kind == "CAST"
        default:
            let object = ServerText(object)
            let name = entry.qualifiedName
            // A function's entry is named by its signature.
            let names = [entry.name, ServerText(name.description), name.schema + "." + name.name]
            return names.contains {
                $0 == object || $0.begins(with: object + "(") || $0.begins(with: object + " ")
            }
        }
    }
}
