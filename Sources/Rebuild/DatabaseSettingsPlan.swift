package import Catalog
package import Planning
package import Postgres

/// The statements that give the target database what the source database carries itself.
///
/// Pure.
package struct DatabaseSettingsPlan {
    package let statements: [SQL]

    /// - Parameters:
    ///   - source: What the source's carries.
    ///   - target: What the target's carries.
    ///   - name: What the target's is called.
    ///   - omissions: What is not brought over.
    package init(source: DatabaseSettings, target: DatabaseSettings, name: ServerText, omissions: Set<Omission>) {
        guard !omissions.contains(.databaseSettings) else {
            statements = []
            return
        }
        let database: SQL = "DATABASE \(Identifier(name))"
        var statements: [SQL] = []
        // What closes the source for the night stays behind.
        let closing = Set(source.closing)
        if source.connectionLimit != target.connectionLimit, !source.admitsNobody {
            statements.append("ALTER \(database) CONNECTION LIMIT \(source.connectionLimit)")
        }
        if source.comment != target.comment, let comment = source.comment {
            statements.append("COMMENT ON \(database) IS \(literal: comment)")
        }
        if !omissions.contains(.privileges), source.grants != target.grants, let grants = source.grants {
            statements.append("REVOKE ALL ON \(database) FROM PUBLIC")
            for grant in grants {
                let role: SQL = grant.role.map { "\(Identifier($0))" } ?? "PUBLIC"
                let option: SQL = grant.isGrantable ? " WITH GRANT OPTION" : ""
                statements.append("GRANT \(SQL(trusted: grant.privilege)) ON \(database) TO \(role)\(option)")
            }
        }
        for setting in source.settings
        where !closing.contains(setting) && target.knows(setting) && !target.settings.contains(setting) {
            let subject: SQL = setting.role.map { "ROLE \(Identifier($0)) IN \(database)" } ?? database
            statements.append("ALTER \(subject) SET \(setting.parameter) TO \(setting.valueClause)")
        }
        self.statements = statements
    }
}

extension DatabaseSettings.Setting {
    /// A name with a dot has two parts, each a name of its own.
    fileprivate var parameter: SQL {
        name.pieces(between: ".", omittingEmptySubsequences: false).map { "\(Identifier($0))" as SQL }.joined(
            separator: "."
        )
    }
}
