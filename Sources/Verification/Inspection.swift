package import Catalog
package import Planning
import Postgres

/// What will go wrong with a migration, before it does.
///
/// Pure: both sides have been asked. What stops is what the server would refuse, days ahead or in the night.
package struct Inspection {
    package let findings: [Finding]

    /// - Parameters:
    ///   - source: What the source contains.
    ///   - requirements: What its definitions need.
    ///   - target: Which database is to be filled.
    ///   - provisions: What its server offers.
    ///   - omissions: What is not to be brought over.
    package init(
        source: DatabaseCatalog,
        requirements: Requirements,
        target: DatabaseCatalog,
        provisions: Provisions,
        omissions: Set<Omission>
    ) {
        var inspector = Inspector(
            source: source,
            requirements: requirements,
            target: target,
            provisions: provisions,
            omissions: omissions
        )
        inspector.inspectServer()
        inspector.inspectRoles()
        inspector.inspectSuperuserObjects()
        inspector.inspectDatabase()
        inspector.inspectSource()
        findings = inspector.findings.sorted { ($1.severity, $0.kind, $0.object) < ($0.severity, $1.kind, $1.object) }
    }
}

private struct Inspector {
    let source: DatabaseCatalog
    let requirements: Requirements
    let target: DatabaseCatalog
    let provisions: Provisions
    let omissions: Set<Omission>
    var findings: [Finding] = []

    private mutating func add(
        _ kind: String,
        _ object: some Reportable,
        _ problem: Finding.Problem,
        _ severity: Finding.Severity,
        _ message: String,
        repair: String? = nil
    ) {
        findings.append(Finding(kind, object, problem, severity, message, repair: repair))
    }

    // MARK: What the server has

    mutating func inspectServer() {
        let available = Dictionary(grouping: provisions.extensions, by: \.name)
        for wanted in requirements.extensions {
            let offers = available[wanted.name] ?? []
            guard let offer = offers.first(where: \.isDefault) ?? offers.first else {
                add("extension", wanted.name, "unavailable", .stops, "it is not available on the target's server")
                continue
            }
            if let schema = offer.installedIn, schema != wanted.schema {
                add(
                    "extension",
                    wanted.name,
                    "schema",
                    .stops,
                    "it is in schema \(schema.visible) on the target, in \(wanted.schema.visible) on the source",
                    repair: "DROP EXTENSION \(Identifier(wanted.name).quoted)"
                )
            } else if offer.installedIn == nil, offer.needsSuperuser, !provisions.isSuperuser {
                add(
                    "extension",
                    wanted.name,
                    "needs-superuser",
                    .stops,
                    "only a superuser may make it on the target",
                    repair:
                        "CREATE EXTENSION \(Identifier(wanted.name).quoted) SCHEMA \(Identifier(wanted.schema).quoted)"
                )
            }
            if offer.version != wanted.version {
                add(
                    "extension",
                    wanted.name,
                    "version",
                    .note,
                    "the source has version \(wanted.version), the target will have \(offer.version)"
                )
            }
        }
        for language in requirements.languages where !provisions.languages.contains(language) {
            add(
                "language",
                language,
                "unavailable",
                .hurts,
                "it is not on the target yet; it comes with its extension, if at all"
            )
        }
        for collation in requirements.collations where !provisions.collations.contains(collation) {
            add("collation", collation, "unavailable", .stops, "the target's server does not have it")
        }
        guard !omissions.contains(.tablespaces) else { return }
        for tablespace in requirements.tablespaces where !provisions.tablespaces.contains(tablespace) {
            add(
                "tablespace",
                tablespace,
                "unavailable",
                .stops,
                "it is not on the target; \(Omission.tablespaces.flag) does without"
            )
        }
    }

    mutating func inspectRoles() {
        let there = Dictionary(uniqueKeysWithValues: provisions.roles.map { ($0.name, $0) })
        var wanted = requirements.roles
        let isPublicTold = requirements.bootstrapOwnsPublic && target.identity.serverVersionNumber >= 150_000
        if requirements.hasObjectsOfBootstrap || isPublicTold {
            wanted.append(.init(name: requirements.bootstrapRole, isOwner: true, ownsInPublic: false))
        }
        for role in wanted {
            let isWanted = role.isOwner && !omissions.contains(.owners) || !omissions.contains(.privileges)
            guard isWanted else { continue }
            // What belongs to nobody else is left to whoever makes it.
            let isNeededForRights = role.name != requirements.bootstrapRole && !omissions.contains(.privileges)
            guard let ofTarget = there[role.name] else {
                guard isNeededForRights || !omissions.contains(.owners) else { continue }
                add(
                    "role",
                    role.name,
                    .missing,
                    .stops,
                    "it is not on the target; \(Omission.owners.flag) \(Omission.privileges.flag) do without",
                    repair: "CREATE ROLE \(Identifier(role.name).quoted)"
                )
                continue
            }
            guard role.isOwner, !omissions.contains(.owners) else { continue }
            if role.ownsInPublic, !ofTarget.mayCreateInPublic, !provisions.isSuperuser {
                add(
                    "role",
                    role.name,
                    "may-not-create",
                    .stops,
                    "it owns tables in the schema public, where it may not create on the target; "
                        + "\(Omission.owners.flag) does without",
                    repair: "GRANT CREATE ON SCHEMA public TO \(Identifier(role.name).quoted)"
                )
            }
            if !ofTarget.mayGiveTo {
                add(
                    "role",
                    role.name,
                    "not-a-member",
                    .stops,
                    "it owns objects, and \(target.identity.roleName.visible) is no member of it on the target; "
                        + "\(Omission.owners.flag) does without",
                    // A member of a superuser is one.
                    repair: ofTarget.isSuperuser
                        ? nil
                        : "GRANT \(Identifier(role.name).quoted) TO \(Identifier(target.identity.roleName).quoted)"
                )
            }
        }
    }

    // MARK: What only a superuser may do

    mutating func inspectSuperuserObjects() {
        if !provisions.isSuperuser {
            for object in requirements.superuserObjects {
                let omission = object.omission.flatMap(Omission.init(rawValue:))
                if let omission, omissions.contains(omission) { continue }
                add(
                    object.kind,
                    object.name,
                    "needs-superuser",
                    .stops,
                    "only a superuser may make it on the target"
                        + (omission.map { "; \($0.flag) leaves it out" } ?? "")
                )
            }
        }
        guard !omissions.contains(.subscriptions) else { return }
        for subscription in requirements.subscriptions {
            let leave = "\(Omission.subscriptions.flag) leaves it out"
            if !requirements.isSuperuser {
                add(
                    "subscription",
                    subscription,
                    "unreadable",
                    .stops,
                    "only a superuser may read it on the source; \(leave)"
                )
            } else if !provisions.isSuperuser, !provisions.mayCreateSubscriptions {
                add(
                    "subscription",
                    subscription,
                    "needs-superuser",
                    .stops,
                    "only a superuser may make it on the target; \(leave)"
                )
            } else {
                add(
                    "subscription",
                    subscription,
                    "arrives-disabled",
                    .note,
                    "it arrives disabled and without touching its slot",
                    repair: "ALTER SUBSCRIPTION \(Identifier(subscription).quoted) ENABLE"
                )
            }
        }
    }

    mutating func inspectDatabase() {
        guard !omissions.contains(.databaseSettings) else { return }
        let settings = source.settings
        let carries = !settings.settings.isEmpty || settings.comment != nil || settings.connectionLimit != -1
        let leave = "\(Omission.databaseSettings.flag) leaves it out"
        if carries, !provisions.ownsDatabase {
            add(
                "database setting",
                "all",
                "needs-owner",
                .stops,
                "only the target database's owner may make them; \(leave)"
            )
        }
        for setting in settings.settings {
            let subject = setting.subject
            if !target.settings.knows(setting) {
                add(
                    "database setting",
                    subject,
                    "unknown",
                    .note,
                    "the target's server does not know it: it is left out"
                )
            } else if !provisions.isSuperuser, provisions.superuserParameters.contains(setting.name) {
                add(
                    "database setting",
                    subject,
                    "needs-superuser",
                    .stops,
                    "only a superuser may set it on the target; \(leave)"
                )
            }
            guard let role = setting.role else { continue }
            if !provisions.roles.contains(where: { $0.name == role }) {
                add("database setting", subject, "role-missing", .stops, "the role is not on the target; \(leave)")
            } else if !provisions.isSuperuser, !provisions.mayCreateRoles, role != target.identity.roleName {
                add(
                    "database setting",
                    subject,
                    "needs-createrole",
                    .stops,
                    "another role's settings need CREATEROLE; \(leave)"
                )
            }
        }
    }

    // MARK: What is wrong with the source

    mutating func inspectSource() {
        for index in source.indexes where !index.isUsable && !index.isPartitioned {
            add(
                "index",
                index.qualifiedName.description,
                "invalid-on-source",
                index.isUnique ? .hurts : .note,
                "it is INVALID on the source and is not brought over (\(index.bytes) bytes)",
                repair: "REINDEX INDEX CONCURRENTLY \(index.qualifiedName.quoted) -- on the source, or drop it there"
            )
        }
        for check in requirements.callingChecks {
            add(
                "check constraint",
                check,
                "calls-function",
                .note,
                "the function may read other tables: the constraint is added after all rows, and checks them once more"
            )
        }
        if requirements.unreadableLargeObjects > 0, !omissions.contains(.largeObjects) {
            add(
                "large object",
                "\(requirements.unreadableLargeObjects) of them",
                "unreadable",
                .stops,
                "role \(source.identity.roleName.visible) may not read them; \(Omission.largeObjects.flag) leaves all of them out"
            )
        }
        if requirements.hiddenUserMappings > 0 {
            add(
                "user mapping",
                "\(requirements.hiddenUserMappings) of them",
                "unreadable",
                .hurts,
                "\(source.identity.roleName.visible) may not see their options, passwords among them: they arrive without"
            )
        }
        if requirements.replicationSlots > 0 {
            add(
                "replication slot",
                "\(requirements.replicationSlots) of them",
                "left-behind",
                .hurts,
                "slots stay behind: whoever reads them needs a new one, and a new first copy, on the target"
            )
        }
        if source.identity.preparedTransactions > 0 {
            add(
                "prepared transaction",
                "\(source.identity.preparedTransactions) of them",
                "left-behind",
                .hurts,
                "COMMIT PREPARED or ROLLBACK PREPARED them before the night: nothing carries them over"
            )
        }
    }
}
