package import Catalog
import Foundation
package import Postgres

/// A catalog made without a server, for tests of code that decides by catalogs alone.
///
/// Everything has the value an ordinary object has; `changes` replaces single fields by their names in Swift.
///
/// ```swift
/// var source = CatalogBuilder()
/// source.table("t", ["id bigint!", "v text"], bytes: 100 << 20)
/// source.index("t_pkey", on: "t", ["id"], .primaryKey)
/// let catalog = source.catalog
/// ```
package struct CatalogBuilder {
    /// What an index enforces.
    package enum IndexKind {
        case plain
        case unique
        case primaryKey
        case uniqueConstraint
        case exclusion
    }

    private var tables: [[String: Any]] = []
    private var indexes: [[String: Any]] = []
    private var constraints: [[String: Any]] = []
    private var sequences: [[String: Any]] = []
    private var views: [[String: Any]] = []
    private var settings: [[String: Any]] = []
    private var ofDatabase: [String: Any] = [:]
    private var identity: [String: Any]
    private var nextOid = 16_384

    /// - Parameters:
    ///   - version: As `server_version_num`.
    ///   - database: Its name.
    package init(version: Int = 150_020, database: String = "shop") {
        identity = [
            "systemIdentifier": "7000000000000000001", "timeline": 1, "databaseOid": 5, "databaseName": database,
            "serverVersionNumber": version, "isInRecovery": false, "encoding": "UTF8",
            "serverStartedAt": "2026-01-01", "roleName": "app", "bypassesRowSecurity": false,
            "mayReadControlData": true, "defaultSortOrder": "C", "preparedTransactions": 0,
        ]
    }

    // MARK: What it contains

    /// Adds a table of the schema `public`.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - columns: Name and type; `!` after the type is NOT NULL.
    ///   - bytes: Its size.
    ///   - changes: Other fields of `Table`.
    /// - Returns: Its object id.
    @discardableResult
    package mutating func table(
        _ name: String,
        _ columns: [String] = ["id bigint!"],
        bytes: Int = 100 << 20,
        with changes: [String: Any] = [:]
    ) -> Int {
        let oid = changes["oid"] as? Int ?? newOid()
        let table: [String: Any] = [
            "oid": oid, "schema": "public", "name": name, "kind": "r", "persistence": "p", "fileNode": oid,
            "inheritedTables": [Any](), "columnsDigest": "", "isRowSecurityActive": false, "heapBytes": bytes,
            "tableBytes": bytes, "estimatedRows": bytes / 100, "rowsInserted": 0, "rowsChanged": 0,
            "isReadable": true, "columns": columns.enumerated().map { Self.column($0.element, number: $0.offset + 1) },
        ]
        tables.append(table.merging(changes) { $1 })
        return oid
    }

    /// A column as a table has it.
    ///
    /// - Parameters:
    ///   - text: Name and type; `!` after the type is NOT NULL.
    ///   - number: Its `attnum`.
    ///   - changes: Other fields of `Column`.
    /// - Returns: Its fields.
    package static func column(_ text: String, number: Int, with changes: [String: Any] = [:]) -> [String: Any] {
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        let isNotNull = words[1].hasSuffix("!")
        let type = isNotNull ? String(words[1].dropLast()) : words[1]
        let names = ["bigint": "int8", "integer": "int4", "boolean": "bool"]
        let parts = type.split(separator: ".").map(String.init)
        let isText = ["text", "varchar"].contains(type)
        let column: [String: Any] = [
            "number": number, "name": words[0], "type": type, "isDomain": false, "typeKind": "b",
            "typeSchema": parts.count == 2 ? parts[0] : "pg_catalog",
            "typeName": parts.count == 2 ? parts[1] : names[type] ?? type, "isNotNull": isNotNull, "identity": "",
            "generated": "", "isCollationDeterministic": true, "sortOrder": isText ? "default" : "",
            "correlation": 1.0,
        ]
        return column.merging(changes) { $1 }
    }

    /// Adds an index, with the constraint it enforces.
    ///
    /// - Parameters:
    ///   - name: Of the index and of its constraint.
    ///   - table: A table that was added before.
    ///   - columns: Its key columns.
    ///   - kind: What it enforces.
    ///   - changes: Other fields of `Index`.
    /// - Returns: Its object id.
    @discardableResult
    package mutating func index(
        _ name: String,
        on table: String,
        _ columns: [String],
        _ kind: IndexKind = .plain,
        with changes: [String: Any] = [:]
    ) -> Int {
        let oid = newOid()
        let list = columns.joined(separator: ", ")
        let isUnique = ![.plain, .exclusion].contains(kind)
        var index: [String: Any] = [
            "oid": oid, "tableOid": self.oid(of: table), "schema": "public", "tableName": table, "name": name,
            "kind": "i", "tableKind": "r",
            "definition": "CREATE \(isUnique ? "UNIQUE " : "")INDEX \(name) ON public.\(table) USING btree (\(list))",
            "isUnique": isUnique, "isPrimary": kind == .primaryKey, "isExclusion": kind == .exclusion,
            "isImmediate": true, "isValid": true, "isReady": true, "isLive": true, "isClustered": false,
            "isReplicaIdentity": false, "isNullsNotDistinct": false, "isPartial": false, "hasExpressions": false,
            "accessMethod": "btree", "bytes": 1 << 20, "keyColumns": columns, "isDeferrable": false,
            "isDeferred": false,
        ]
        let constraint: (type: String, definition: String)? =
            switch kind {
            case .primaryKey: ("p", "PRIMARY KEY (\(list))")
            case .uniqueConstraint: ("u", "UNIQUE (\(list))")
            case .exclusion: ("x", "EXCLUDE USING btree (\(list) WITH =)")
            case .plain, .unique: nil
            }
        if let constraint {
            index["constraintName"] = name
            index["constraintType"] = constraint.type
            index["constraintDefinition"] = constraint.definition
        }
        indexes.append(index.merging(changes) { $1 })
        return oid
    }

    /// Adds a foreign key.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - table: The referencing table.
    ///   - column: The referencing column.
    ///   - referenced: The referenced table.
    ///   - changes: Other fields of `Constraint`.
    /// - Returns: Its object id.
    @discardableResult
    package mutating func foreignKey(
        _ name: String,
        on table: String,
        _ column: String,
        references referenced: String,
        with changes: [String: Any] = [:]
    ) -> Int {
        constraint(
            name,
            on: table,
            "FOREIGN KEY (\(column)) REFERENCES public.\(referenced)(id)",
            with: ["kind": "f", "referencedSchema": "public", "referencedTable": referenced].merging(changes) { $1 }
        )
    }

    /// Adds a CHECK, or another constraint by its changes.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - table: Its table.
    ///   - definition: As `pg_get_constraintdef` prints it.
    ///   - changes: Other fields of `Constraint`.
    /// - Returns: Its object id.
    @discardableResult
    package mutating func constraint(
        _ name: String,
        on table: String,
        _ definition: String,
        with changes: [String: Any] = [:]
    ) -> Int {
        let oid = newOid()
        let constraint: [String: Any] = [
            "oid": oid, "tableOid": self.oid(of: table), "schema": "public", "tableName": table, "name": name,
            "kind": "c", "definition": definition, "isValidated": true, "isEnforced": true, "isDeferrable": false,
            "isDeferred": false, "isNoInherit": false, "isLocal": true, "tableKind": "r", "mayReadTables": false,
        ]
        constraints.append(constraint.merging(changes) { $1 })
        return oid
    }

    /// Sets what `ALTER DATABASE … SET` has set.
    ///
    /// - Parameters:
    ///   - name: The parameter.
    ///   - value: Its value.
    ///   - role: For a role in this database alone.
    ///   - isOfWriter: Whether that role may write.
    package mutating func set(_ name: String, _ value: String, role: String? = nil, isOfWriter: Bool? = nil) {
        var setting: [String: Any] = ["name": name, "value": value]
        setting["role"] = role
        setting["isOfWriter"] = isOfWriter
        settings.append(setting)
    }

    /// Changes fields of the database's settings: its comment, limit, grants, and the parameters its server knows.
    ///
    /// - Parameter changes: Fields of `DatabaseSettings`.
    package mutating func database(_ changes: [String: Any]) { ofDatabase.merge(changes) { $1 } }

    /// Changes fields of the database's identity.
    ///
    /// - Parameter changes: Fields of `DatabaseIdentity`.
    package mutating func identify(_ changes: [String: Any]) { identity.merge(changes) { $1 } }

    /// The catalog with all that was added.
    package var catalog: DatabaseCatalog {
        let database: [String: Any] = [
            "settings": settings, "connectionLimit": -1, "parameters": settings.map { $0["name"] ?? "" },
        ]
        return Self.decode([
            "identity": identity, "tables": tables, "indexes": indexes, "constraints": constraints,
            "sequences": sequences, "materializedViews": views, "enumerations": [Any](),
            "settings": database.merging(ofDatabase) { $1 }, "extensionTables": [Any](),
        ])
    }

    // MARK: Other values

    /// Decodes a value that has no initializer of its own from its fields.
    ///
    /// - Parameter fields: By their names in Swift.
    /// - Returns: The value; a test with a field that is missing or misspelled ends here.
    package static func decode<Value: Decodable>(_ fields: [String: Any]) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: JSONSerialization.data(withJSONObject: fields))
        } catch {
            fatalError("\(Value.self): \(error)")
        }
    }

    /// The name of a table of the schema `public`.
    ///
    /// - Parameter name: Its name.
    /// - Returns: Both.
    package static func name(_ name: String) -> QualifiedName {
        QualifiedName(schema: "public", name: ServerText(name))
    }

    private mutating func newOid() -> Int {
        nextOid += 1
        return nextOid
    }

    private func oid(of table: String) -> Int {
        tables.first { $0["name"] as? String == table }?["oid"] as? Int ?? 0
    }
}
