package import Postgres

/// Schemas and extensions that a target has before anything is created on it.
///
/// On managed hosts an administrator creates extensions and schemas for them. They are left unchanged.
package struct StandingObjects: Sendable {
    private struct Object: Codable {
        let kind: String
        let name: ServerText
        /// The name as the server prints it in an object's identity.
        let quoted: ServerText
        let isOurs: Bool
    }

    private let objects: [Object]

    /// For a target without any.
    package static let none = StandingObjects(objects: [])

    private init(objects: [Object]) {
        self.objects = objects
    }

    /// Reads the schemas and extensions.
    ///
    /// - Parameter connection: A connection to the target.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        objects = try connection.query(Object.self, CatalogQuery.standingObjects)
    }

    /// Schemas whose owner's rights the connected role does not have, as the server identifies them.
    package var schemasOfOthers: [ServerText] {
        objects.filter { $0.kind == "schema" && !$0.isOurs }.map { "schema " + $0.quoted }
    }

    /// Whether a definition should not be created: it exists, or it is about an existing object that is not ours.
    package func covers(_ entry: DefinitionEntry) -> Bool {
        switch entry.kind {
        case "SCHEMA": return objects.contains { $0.kind == "schema" && $0.name == entry.name }
        case "COMMENT", "ACL", "SECURITY LABEL":
            return objects.contains { object in
                // pg_dump quotes the name if its own version has to.
                !object.isOurs
                    && [object.name, object.quoted, ServerText(Identifier(object.name).quoted)].contains {
                        entry.name == ServerText(object.kind.uppercased()) + " " + $0
                    }
            }
        default: return false
        }
    }

    /// Whether an object's owner or comment is not ours to change.
    ///
    /// - Parameters:
    ///   - kind: The kind of catalog object; only `owner` and `comment` can be covered.
    ///   - object: The object, of either side, as the server identifies it.
    /// - Returns: Whether it should not be compared.
    package func covers(kind: String, object: ServerText) -> Bool {
        guard kind == "owner" || kind == "comment" else { return false }
        return objects.contains { other in
            !other.isOurs && [other.name, other.quoted].contains { object == ServerText(other.kind) + " " + $0 }
        }
    }
}
