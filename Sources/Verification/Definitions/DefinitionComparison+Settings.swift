import Catalog
import Planning
import Postgres

/// Compares the settings of the databases themselves.
extension DefinitionComparison {
    func compareSettings(_ result: inout VerificationResult) {
        guard !scope.omits(.databaseSettings) else { return }
        let (ours, theirs) = (source.settings, target.settings)
        note("database setting", ours.settings.count, theirs.settings.count, &result)
        func add(
            _ problem: Finding.Problem,
            _ severity: Finding.Severity,
            _ object: String,
            _ message: String,
            _ mine: (any Reportable)?,
            _ its: (any Reportable)?
        ) {
            result.findings.append(
                Finding("database setting", object, problem, severity, message, source: mine, target: its)
            )
        }
        let closing = Set(ours.closing + theirs.closing)
        for setting in ours.closing where !theirs.settings.contains(setting) {
            add("left-behind", .note, setting.subject, "it closes the source and is not copied", setting.value, nil)
        }
        for setting in ours.settings where !theirs.settings.contains(setting) && !closing.contains(setting) {
            let there = theirs.settings.first { $0.role == setting.role && $0.name == setting.name }
            if !theirs.knows(setting) {
                add(
                    "unknown",
                    .note,
                    setting.subject,
                    "the target's server does not know this parameter",
                    setting.value,
                    nil
                )
            } else if let there {
                add("value", .hurts, setting.subject, "its value differs", setting.value, there.value)
            } else {
                add(.missing, .hurts, setting.subject, "it is not set on the target", setting.value, nil)
            }
        }
        for setting in theirs.settings
        where !closing.contains(setting)
            && !ours.settings.contains(where: { $0.role == setting.role && $0.name == setting.name })
        {
            add(.extra, .note, setting.subject, "it is not set on the source", nil, setting.value)
        }
        if let comment = ours.comment, comment != theirs.comment {
            add("comment", .note, "comment", "the database's comment differs", comment, theirs.comment)
        }
        if ours.admitsNobody, !theirs.admitsNobody {
            add("left-behind", .note, "connection limit", "it closes the source and is not copied", "0", nil)
        } else if ours.connectionLimit != theirs.connectionLimit, !theirs.admitsNobody {
            let told = (String(ours.connectionLimit), String(theirs.connectionLimit))
            add("connection-limit", .hurts, "connection limit", "it differs", told.0, told.1)
        }
        // The owner of the target database has every right on it, granted or not.
        func isOfOwner(_ grant: DatabaseSettings.Grant) -> Bool { grant.role != nil && grant.role == theirs.owner }
        guard !scope.omits(.privileges), let grants = ours.grants else { return }
        for grant in grants where !(theirs.grants ?? []).contains(grant) && !isOfOwner(grant) {
            let role = grant.role ?? "PUBLIC"
            add(
                "privileges",
                .hurts,
                "\(grant.privilege) for \(role.visible)",
                "this privilege on the database is missing on the target",
                "granted",
                nil
            )
        }
    }
}

extension DatabaseSettings.Setting {
    /// The setting's name as reports show it.
    var subject: String { role.map { "\(name.visible) for role \($0.visible)" } ?? name.visible }
}
