import Catalog
import Planning
import Postgres

/// Compares the settings of the databases themselves.
extension DefinitionComparison {
    func compareSettings(_ result: inout VerificationResult) {
        guard !scope.omits(.databaseSettings) else { return }
        let (ours, theirs) = (source.settings, target.settings)
        note("database setting", source: ours.settings.count, target: theirs.settings.count, in: &result)
        func add(
            _ object: String,
            problem: Finding.Problem,
            severity: Finding.Severity,
            _ message: String,
            source: (any Reportable)? = nil,
            target: (any Reportable)? = nil
        ) {
            result.findings.append(
                Finding(
                    "database setting",
                    object: object,
                    problem: problem,
                    severity: severity,
                    message,
                    source: source,
                    target: target
                )
            )
        }
        let closing = Set(ours.closing + theirs.closing)
        for setting in ours.closing where !theirs.settings.contains(setting) {
            add(
                setting.subject,
                problem: "left-behind",
                severity: .note,
                "it closes the source and is not copied",
                source: setting.value
            )
        }
        for setting in ours.settings where !theirs.settings.contains(setting) && !closing.contains(setting) {
            let there = theirs.settings.first { $0.role == setting.role && $0.name == setting.name }
            if !theirs.knows(setting) {
                add(
                    setting.subject,
                    problem: "unknown",
                    severity: .note,
                    "the target's server does not know this parameter",
                    source: setting.value
                )
            } else if let there {
                add(
                    setting.subject,
                    problem: "value",
                    severity: .hurts,
                    "its value differs",
                    source: setting.value,
                    target: there.value
                )
            } else {
                add(
                    setting.subject,
                    problem: .missing,
                    severity: .hurts,
                    "it is not set on the target",
                    source: setting.value
                )
            }
        }
        for setting in theirs.settings
        where !closing.contains(setting)
            && !ours.settings.contains(where: { $0.role == setting.role && $0.name == setting.name })
        {
            add(setting.subject, problem: .extra, severity: .note, "it is not set on the source", target: setting.value)
        }
        if let comment = ours.comment, comment != theirs.comment {
            add(
                "comment",
                problem: "comment",
                severity: .note,
                "the database's comment differs",
                source: comment,
                target: theirs.comment
            )
        }
        if ours.admitsNobody, !theirs.admitsNobody {
            add(
                "connection limit",
                problem: "left-behind",
                severity: .note,
                "it closes the source and is not copied",
                source: "0"
            )
        } else if ours.connectionLimit != theirs.connectionLimit, !theirs.admitsNobody {
            let limits = (String(ours.connectionLimit), String(theirs.connectionLimit))
            add(
                "connection limit",
                problem: "connection-limit",
                severity: .hurts,
                "it differs",
                source: limits.0,
                target: limits.1
            )
        }
        // The owner of the target database has every right on it, granted or not.
        func isOfOwner(_ grant: DatabaseSettings.Grant) -> Bool { grant.role != nil && grant.role == theirs.owner }
        guard !scope.omits(.privileges), let grants = ours.grants else { return }
        for grant in grants where !(theirs.grants ?? []).contains(grant) && !isOfOwner(grant) {
            let role = grant.role ?? "PUBLIC"
            add(
                "\(grant.privilege) for \(role.visible)",
                problem: "privileges",
                severity: .hurts,
                "this privilege on the database is missing on the target",
                source: "granted"
            )
        }
        // Where nothing was ever granted or revoked on the source, nothing is written, and the target keeps its own rights.
        let given = theirs.grants ?? DatabaseSettings.Grant.byDefault
        for grant in given where !grants.contains(grant) && !isOfOwner(grant) {
            add(
                "\(grant.privilege) for \((grant.role ?? "PUBLIC").visible)",
                problem: "extra-privileges",
                // Administrators of the target have their own rights; what everyone may do is another matter.
                severity: grant.role == nil ? .hurts : .note,
                "the source's database does not grant this privilege",
                target: "granted"
            )
        }
    }
}

extension DatabaseSettings.Setting {
    /// The setting's name as reports show it.
    var subject: String { role.map { "\(name.visible) for role \($0.visible)" } ?? name.visible }
}
