import Catalog
import Planning
import Postgres
import Rebuild
import Verification

extension DefinitionTrial.Refusal {
    /// The refusal as a finding, with what would help.
    var finding: Finding {
        let first = entry.statement.pieces(between: "\n").first { !$0.begins(with: "SET SESSION") } ?? ""
        return Finding(
            entry.kind.lowercased(),
            object: entry.qualifiedName.schema == "-" ? entry.name.visible : entry.qualifiedName.description,
            problem: "refused",
            severity: .stops,
            "the target server refuses it: \(error.message) (\(first.visible))" + (help.map { "; \($0)" } ?? "")
        )
    }

    private var help: String? {
        let isOfOwner =
            error.message.contains("must be member of role") || error.message.contains("must be able to SET ROLE")
        if isOfOwner { return "make the target's role a member of that role, or use \(Omission.owners.flag)" }
        if error.message.contains("permission denied to set role") {
            return "make the target's role a member of the role that granted it, or use \(Omission.privileges.flag)"
        }
        if error.sqlState == "42704", error.message.contains("role") {
            return "create the role on the target, or use \(Omission.owners.flag) \(Omission.privileges.flag)"
        }
        if entry.kind == "DATABASE SETTING" { return "\(Omission.databaseSettings.flag) leaves it out" }
        return error.hint
    }
}
