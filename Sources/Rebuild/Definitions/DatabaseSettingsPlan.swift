package import Catalog
package import Planning
package import Postgres

/// The statements that copy the source database's own settings, comment and rights to the target database.
///
/// Pure.
package struct DatabaseSettingsPlan {
    package let statements: [SQL]

    /// - Parameters:
    ///   - source: The source database's settings.
    ///   - target: The target database's settings.
    ///   - name: The target database's name.
    ///   - scope: What is copied.
    package init(source: DatabaseSettings, target: DatabaseSettings, name: ServerText, scope: Scope) {
        guard !scope.omits(.databaseSettings) else {
            statements = []
            return
        }
        let database: SQL = "DATABASE \(Identifier(name))"
        var statements: [SQL] = []
        // Settings that close the source during the cutover are not copied.
        let closing = Set(source.closing)
        if source.connectionLimit != target.connectionLimit, !source.admitsNobody {
            statements.append("ALTER \(database) CONNECTION LIMIT \(source.connectionLimit)")
        }
        if source.comment != target.comment, let comment = source.comment {
            statements.append("COMMENT ON \(database) IS \(literal: comment)")
        }
        if !scope.omits(.privileges), source.grants != target.grants, let grants = source.grants {
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
    /// The parameter's name; if it has a dot, each part is an identifier.
    fileprivate var parameter: SQL {
        name.pieces(between: ".", omittingEmptySubsequences: false).map { "\(Identifier($0))" as SQL }.joined(
            separator: "."
        )
    }
}
