package import Postgres

/// Restores rights that roles other than the owner granted, without being a superuser.
///
/// `pg_dump` writes `SET SESSION AUTHORIZATION`, which needs a superuser (PostgreSQL manual). `SET ROLE`, which every
/// member of the role may use, makes it the grantor just as well.
package enum GrantorScript {
    private static let take: ServerText = "SET SESSION AUTHORIZATION"
    private static let giveBack: ServerText = "RESET SESSION AUTHORIZATION"

    /// Returns the same script with SET ROLE.
    ///
    /// - Parameters:
    ///   - rights: What `pg_restore` printed.
    ///   - role: The role that the session has set; nil: none.
    /// - Returns: Statements that end with the role they began with.
    package static func byRoles(_ rights: SQL, as role: String?) -> SQL {
        let text = rights.text
        guard text.contains(take) else { return rights }
        let back: ServerText = role.map { "SET ROLE " + ServerText(Identifier(ServerText($0)).quoted) } ?? "RESET ROLE"
        var result: ServerText = ""
        var statements = SQLStatements(Array(text.utf8))
        while let bytes = statements.next() {
            let statement = ServerText(bytes: bytes)
            if let found = SQLStatements.firstUnquotedRange(of: giveBack, in: statement) {
                result = result + statement[0..<found.lowerBound] + back + statement.dropFirst(found.upperBound)
            } else if let found = SQLStatements.firstUnquotedRange(of: take, in: statement) {
                result = result + statement[0..<found.lowerBound] + "SET ROLE" + statement.dropFirst(found.upperBound)
            } else {
                result = result + statement
            }
        }
        return SQL(trusted: result)
    }
}
