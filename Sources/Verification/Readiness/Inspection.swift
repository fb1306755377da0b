package import Catalog
package import Planning
import Postgres

/// Finds what would go wrong with a migration before it starts.
///
/// Pure: both sides were queried before. A finding `stops` if the server would refuse something, in precopy or cutover.
package struct Inspection {
    package let findings: [Finding]

    /// - Parameters:
    ///   - source: The source's catalog.
    ///   - requirements: What the source's definitions need.
    ///   - target: The catalog of the database to fill.
    ///   - provisions: What the target's server offers.
    ///   - scope: What is copied.
    package init(
        source: DatabaseCatalog,
        requirements: Requirements,
        target: DatabaseCatalog,
        provisions: Provisions,
        scope: Scope
    ) {
        var inspector = Inspector(
            source: source,
            requirements: requirements,
            target: target,
            provisions: provisions,
            scope: scope
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
    let scope: Scope
    var findings: [Finding] = []

    private mutating func add(
        _ kind: String,
        object: some Reportable,
        problem: Finding.Problem,
        severity: Finding.Severity,
        _ message: String,
        repair: String? = nil
    ) {
        findings.append(Finding(kind, object: object, problem: problem, severity: severity, message, repair: repair))
    }

    // MARK: The target's server

    mutating func inspectServer() {
        let available = Dictionary(grouping: provisions.extensions, by: \.name)
        for wanted in requirements.extensions where !scope.omits(.extension(wanted.name)) {
            let offers = available[wanted.name] ?? []
            guard let offer = offers.first(where: \.isDefault) ?? offers.first else {
                add(
                    "extension",
                    object: wanted.name,
                    problem: "unavailable",
                    severity: .stops,
                    "it is not available on the target's server (\(Omission.extension(wanted.name).flag) leaves it out)"
                )
                continue
            }
            if let schema = offer.installedIn, schema != wanted.schema {
                add(
                    "extension",
                    object: wanted.name,
                    problem: "schema",
                    severity: .stops,
                    "it is in schema \(schema.visible) on the target but in \(wanted.schema.visible) on the source; "
                        + "DROP EXTENSION also drops its tables",
                    repair: "DROP EXTENSION \(Identifier(wanted.name).quoted)"
                )
            } else if offer.installedIn == nil, offer.needsSuperuser, !provisions.isSuperuser {
                add(
                    "extension",
                    object: wanted.name,
                    problem: "needs-superuser",
                    severity: .stops,
                    "creating it on the target requires a superuser (\(Omission.extension(wanted.name).flag) leaves it out)",
                    repair:
                        "CREATE EXTENSION \(Identifier(wanted.name).quoted) SCHEMA \(Identifier(wanted.schema).quoted)"
                )
            }
            if offer.version != wanted.version {
                add(
                    "extension",
                    object: wanted.name,
                    problem: "version",
                    severity: .note,
                    "the source has version \(wanted.version), the target will have \(offer.version)"
                )
            }
        }
        for language in requirements.languages where !provisions.languages.contains(language) {
            add(
                "language",
                object: language,
                problem: "unavailable",
                severity: .hurts,
                "it does not exist on the target yet; it is created with its extension, if at all"
            )
        }
        for collation in requirements.collations where !provisions.collations.contains(collation) {
            add(
                "collation",
                object: collation,
                problem: "unavailable",
                severity: .stops,
                "the target's server does not have it"
            )
        }
        guard !scope.omits(.tablespaces) else { return }
        for tablespace in requirements.tablespaces where !provisions.tablespaces.contains(tablespace) {
            add(
                "tablespace",
                object: tablespace,
                problem: "unavailable",
                severity: .stops,
                "it does not exist on the target (not needed with \(Omission.tablespaces.flag))"
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
            let isWanted = role.isOwner && !scope.omits(.owners) || !scope.omits(.privileges)
            guard isWanted else { continue }
            // No grants to the bootstrap role are needed: its objects go to the role that creates them.
            let isNeededForRights = role.name != requirements.bootstrapRole && !scope.omits(.privileges)
            guard let ofTarget = there[role.name] else {
                guard isNeededForRights || !scope.omits(.owners) else { continue }
                add(
                    "role",
                    object: role.name,
                    problem: .missing,
                    severity: .stops,
                    "it does not exist on the target (not needed with "
                        + "\(Omission.owners.flag) \(Omission.privileges.flag)); CREATE ROLE alone gives it "
                        + "neither LOGIN nor a password: see pg_dumpall --roles-only",
                    repair: "CREATE ROLE \(Identifier(role.name).quoted)"
                )
                continue
            }
            guard role.isOwner, !scope.omits(.owners) else { continue }
            if role.ownsInPublic, !ofTarget.mayCreateInPublic, !provisions.isSuperuser {
                add(
                    "role",
                    object: role.name,
                    problem: "may-not-create",
                    severity: .stops,
                    "it owns tables in schema public, but may not create tables there on the target "
                        + "(not needed with \(Omission.owners.flag))",
                    repair: "GRANT CREATE ON SCHEMA public TO \(Identifier(role.name).quoted)"
                )
            }
            if !ofTarget.mayGiveTo {
                add(
                    "role",
                    object: role.name,
                    problem: "not-a-member",
                    severity: .stops,
                    "it owns objects, and \(target.identity.roleName.visible) is not a member of it on the target "
                        + "(not needed with \(Omission.owners.flag))",
                    // Membership in a superuser role gives superuser power.
                    repair: ofTarget.isSuperuser
                        ? nil
                        : "GRANT \(Identifier(role.name).quoted) TO \(Identifier(target.identity.roleName).quoted)"
                )
            }
        }
    }

    // MARK: What requires a superuser

    mutating func inspectSuperuserObjects() {
        if !provisions.isSuperuser {
            for object in requirements.superuserObjects {
                let omission = object.omission.flatMap(Omission.init(record:))
                if let omission, scope.omits(omission) { continue }
                add(
                    object.kind,
                    object: object.name,
                    problem: "needs-superuser",
                    severity: .stops,
                    "creating it on the target requires a superuser"
                        + (omission.map { "; \($0.flag) leaves it out" } ?? "")
                )
            }
        }
        guard !scope.omits(.subscriptions) else { return }
        for subscription in requirements.subscriptions {
            let leave = "\(Omission.subscriptions.flag) leaves it out"
            if !requirements.isSuperuser {
                add(
                    "subscription",
                    object: subscription,
                    problem: "unreadable",
                    severity: .stops,
                    "reading it on the source requires a superuser; \(leave)"
                )
            } else if !provisions.isSuperuser, !provisions.mayCreateSubscriptions {
                add(
                    "subscription",
                    object: subscription,
                    problem: "needs-superuser",
                    severity: .stops,
                    "creating it on the target requires a superuser; \(leave)"
                )
            } else {
                add(
                    "subscription",
                    object: subscription,
                    problem: "arrives-disabled",
                    severity: .note,
                    "it is created disabled and its slot is not touched; after the cutover, disable it on the source "
                        + "before you enable it on the target",
                    repair: "ALTER SUBSCRIPTION \(Identifier(subscription).quoted) ENABLE"
                )
            }
        }
    }

    mutating func inspectDatabase() {
        guard !scope.omits(.databaseSettings) else { return }
        let settings = source.settings
        let carries = !settings.settings.isEmpty || settings.comment != nil || settings.connectionLimit != -1
        let leave = "\(Omission.databaseSettings.flag) leaves it out"
        if carries, !provisions.ownsDatabase {
            add(
                "database setting",
                object: "all",
                problem: "needs-owner",
                severity: .stops,
                "only the owner of the target database may set them; \(Omission.databaseSettings.flag) leaves them out"
            )
        }
        for setting in settings.settings {
            let subject = setting.subject
            if !target.settings.knows(setting) {
                add(
                    "database setting",
                    object: subject,
                    problem: "unknown",
                    severity: .note,
                    "the target's server does not know this parameter: it is left out"
                )
            } else if !provisions.isSuperuser, provisions.superuserParameters.contains(setting.name) {
                add(
                    "database setting",
                    object: subject,
                    problem: "needs-superuser",
                    severity: .stops,
                    "setting it on the target requires a superuser; \(leave)"
                )
            }
            guard let role = setting.role else { continue }
            if !provisions.roles.contains(where: { $0.name == role }) {
                add(
                    "database setting",
                    object: subject,
                    problem: "role-missing",
                    severity: .stops,
                    "the role is missing on the target; \(leave)"
                )
            } else if !provisions.isSuperuser, !provisions.mayCreateRoles, role != target.identity.roleName {
                add(
                    "database setting",
                    object: subject,
                    problem: "needs-createrole",
                    severity: .stops,
                    "setting it for another role requires CREATEROLE; \(leave)"
                )
            }
        }
    }

    // MARK: The source

    mutating func inspectSource() {
        for index in source.indexes where !index.isUsable && !index.isPartitioned {
            add(
                "index",
                object: index.qualifiedName.description,
                problem: "invalid-on-source",
                severity: index.isUnique ? .hurts : .note,
                "it is INVALID on the source and is not copied (\(index.bytes) bytes); "
                    + "the repair is for the source, or drop it there",
                repair: "REINDEX INDEX CONCURRENTLY \(index.qualifiedName.quoted)"
            )
        }
        for check in requirements.callingChecks {
            add(
                "check constraint",
                object: check,
                problem: "calls-function",
                severity: .note,
                "its function may read other tables: the constraint is added after all rows and checks them again"
            )
        }
        if requirements.unreadableLargeObjects > 0, !scope.omits(.largeObjects) {
            add(
                "large object",
                object: "\(requirements.unreadableLargeObjects) of them",
                problem: "unreadable",
                severity: .stops,
                "role \(source.identity.roleName.visible) may not read them; \(Omission.largeObjects.flag) leaves all of them out"
            )
        }
        if requirements.hiddenUserMappings > 0 {
            add(
                "user mapping",
                object: "\(requirements.hiddenUserMappings) of them",
                problem: "unreadable",
                severity: .hurts,
                "role \(source.identity.roleName.visible) may not read their options (passwords included): they are created without options"
            )
        }
        if requirements.replicationSlots > 0 {
            add(
                "replication slot",
                object: "\(requirements.replicationSlots) of them",
                problem: "left-behind",
                severity: .hurts,
                "slots are not copied: create new ones on the target before you open it; a consumer that has not received everything from the source by then needs a new initial copy"
            )
        }
        if source.identity.preparedTransactions > 0 {
            add(
                "prepared transaction",
                object: "\(source.identity.preparedTransactions) of them",
                problem: "left-behind",
                severity: .hurts,
                "they are not copied: let the application or its transaction manager finish them before the cutover (ROLLBACK PREPARED by hand loses their changes)"
            )
        }
    }
}
