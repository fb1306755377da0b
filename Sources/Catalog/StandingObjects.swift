package import Postgres

/// Schemas and extensions a target has before anything is brought to it.
///
/// On managed hosts an administrator makes extensions, and schemas for them. They are taken as they are.
package struct StandingObjects: Sendable {
    private struct Object: Codable {
        let kind: String
        let name: ServerText
        /// As the server prints it in an object's identity.
        let quoted: ServerText
        let isOurs: Bool
    }

    private let objects: [Object]

    /// Where nothing was there.
    package static let none = StandingObjects(objects: [])

    private init(objects: [Object]) {
        self.objects = objects
    }

    /// Reads them.
    ///
    /// - Parameter connection: The target.
    /// - Throws: ``PostgresError``.
    package init(of connection: Connection) throws {
        objects = try connection.query(Object.self, CatalogQuery.standingObjects)
    }

    /// Schemas that belong to somebody whose rights the connected role does not have, as the server identifies them.
    package var schemasOfOthers: [ServerText] {
        objects.filter { $0.kind == "schema" && !$0.isOurs }.map { "schema " + $0.quoted }
    }

    /// Whether a definition is not to be made: it is there, or is about something that is there and not ours.
    package func covers(_ entry: DefinitionEntry) -> Bool {
        switch entry.kind {
        case "SCHEMA": return objects.contains { $0.kind == "schema" && $0.name == entry.name }
        case "COMMENT", "ACL", "SECURITY LABEL":
            return objects.contains { object in
                !object.isOurs && entry.name == ServerText(object.kind.uppercased()) + " " + object.name
            }
        default: return false
        }
    }

    /// Whether what says whose an object is, or what is said about it, is not ours to change.
    ///
    /// - Parameters:
    ///   - kind: The class of object.
    ///   - object: An object of the class, of either side, as the server identifies it.
    /// - Returns: Whether it is not to be compared.
    package func covers(kind: String, object: ServerText) -> Bool {
        guard kind == "owner" || kind == "comment" else { return false }
        return objects.contains { other in
            !other.isOurs && [other.name, other.quoted].contains { object == ServerText(other.kind) + " " + $0 }
        }
    }
}
