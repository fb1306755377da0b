package import Catalog
package import Postgres

/// The statements that give a table on the target the source's current form.
///
/// Pure.
///
/// Each statement results from a comparison with the target's catalog, so a change made there by hand, or inherited
/// from a parent, is not made twice. No statement uses IF EXISTS or CASCADE: an object that depends on a dropped column
/// must be an error.
package struct TableAlteration {
    private let earlier: Table
    private let later: Table
    private let isEmpty: Bool

    /// - Parameters:
    ///   - earlier: The source's table as recorded in the ledger.
    ///   - later: The source's current table.
    ///   - isEmpty: Whether the target's table has no rows, so that types may change in any way.
    package init(from earlier: Table, to later: Table, isEmpty: Bool) {
        self.earlier = earlier
        self.later = later
        self.isEmpty = isEmpty
    }

    private var alter: SQL { "ALTER TABLE \(later.qualifiedName)" }

    /// Drops, renames, retypes and adds columns.
    ///
    /// - Parameters:
    ///   - actual: The target's table.
    ///   - missingValue: The value of existing rows in a new column.
    /// - Returns: The statements, in order.
    package func columns(of actual: Table, missingValue: (Column) -> ServerText?) -> [SQL] {
        var present = Set(actual.columns.map(\.name))
        var statements: [SQL] = []
        for column in earlier.columns
        where later.column(numbered: column.number) == nil && present.contains(column.name) {
            statements.append("\(alter) DROP COLUMN \(column.identifier)")
            present.remove(column.name)
        }
        statements += renames(&present)
        for column in later.columns {
            guard let before = earlier.column(numbered: column.number) else {
                if !present.contains(column.name) { statements.append(addition(of: column, missingValue(column))) }
                continue
            }
            statements += changes(of: column, before, actual.column(before.name) ?? actual.column(column.name))
        }
        return statements
    }

    /// Renames columns through temporary names, because two columns may have swapped names.
    private func renames(_ present: inout Set<ServerText>) -> [SQL] {
        let renamed = later.columns.compactMap { column -> (before: Column, after: Column)? in
            guard let before = earlier.column(numbered: column.number), before.name != column.name,
                present.contains(before.name)
            else { return nil }
            return (before, column)
        }
        let away = renamed.map { pair -> SQL in
            present.remove(pair.before.name)
            return "\(alter) RENAME COLUMN \(pair.before.identifier) TO \(Self.between(pair.after))"
        }
        let home = renamed.map { pair -> SQL in
            present.insert(pair.after.name)
            return "\(alter) RENAME COLUMN \(Self.between(pair.after)) TO \(pair.after.identifier)"
        }
        return away + home
    }

    private static func between(_ column: Column) -> Identifier {
        Identifier(ServerText("tidemark_renamed_\(column.number)"))
    }

    private func addition(of column: Column, _ missingValue: ServerText?) -> SQL {
        var definition: SQL = "\(column.identifier) \(type(of: column))"
        if column.isGenerated, let expression = column.defaultExpression {
            let kind: SQL = column.generated == .stored ? "STORED" : "VIRTUAL"
            definition = "\(definition) GENERATED ALWAYS AS (\(SQL(trusted: expression))) \(kind)"
        } else if column.isIdentity {
            // A column must be NOT NULL before it can become an identity column.
            definition = "\(definition) NOT NULL"
        } else if let missingValue {
            definition = "\(definition) DEFAULT \(literal: missingValue)::\(SQL(trusted: column.type))"
        }
        return "\(alter) ADD COLUMN \(definition)"
    }

    private func type(of column: Column) -> SQL {
        let type = SQL(trusted: column.type)
        guard let collation = column.collation, column.sortOrder != "default" else { return type }
        return "\(type) COLLATE \(SQL(trusted: collation))"
    }

    private func changes(of column: Column, _ before: Column, _ actual: Column?) -> [SQL] {
        guard let actual else { return [] }
        if actual.generated != column.generated || (column.isGenerated && isRecomputed(before, column)) {
            if !column.isGenerated { return ["\(alter) ALTER COLUMN \(column.identifier) DROP EXPRESSION"] }
            return ["\(alter) DROP COLUMN \(column.identifier)", addition(of: column, nil)]
        }
        if column.isIdentity, !actual.isIdentity, !actual.isNotNull {
            return ["\(alter) ALTER COLUMN \(column.identifier) SET NOT NULL"]
        }
        guard actual.type != column.type || actual.collation != column.collation else { return [] }
        let retype: SQL = "\(alter) ALTER COLUMN \(column.identifier) TYPE \(type(of: column))"
        // A default that cannot be cast would prevent this; the right one is set with the attributes.
        let free: [SQL] =
            actual.defaultExpression != nil && !actual.isGenerated
            ? ["\(alter) ALTER COLUMN \(column.identifier) DROP DEFAULT"] : []
        guard isEmpty else { return free + [retype] }
        return free + ["\(retype) USING (\(SQL.printed("\(column.identifier)")))::\(SQL(trusted: column.type))"]
    }

    private func isRecomputed(_ before: Column, _ column: Column) -> Bool {
        before.defaultExpression != column.defaultExpression
    }

    /// Returns changes of defaults, identity, logging, inheritance, and dropped NOT NULLs, needed before rows arrive.
    ///
    /// - Parameter actual: The target's table, whose columns already match.
    /// - Returns: The statements, in order.
    package func attributes(of actual: Table) -> [SQL] {
        var statements: [SQL] = []
        for column in later.columns {
            guard let there = actual.column(column.name) else { continue }
            let place: SQL = "\(alter) ALTER COLUMN \(column.identifier)"
            if there.isIdentity, !column.isIdentity { statements.append("\(place) DROP IDENTITY") }
            if there.isIdentity, column.isIdentity, there.identity != column.identity {
                let generation: SQL = column.identity == .always ? "ALWAYS" : "BY DEFAULT"
                statements.append("\(place) SET GENERATED \(generation)")
            }
            if !column.isGenerated, there.defaultExpression != column.defaultExpression {
                let expression = column.defaultExpression.map { "SET DEFAULT \(SQL(trusted: $0))" as SQL }
                statements.append("\(place) \(expression ?? "DROP DEFAULT")")
            }
            if there.isNotNull, !column.isNotNull { statements.append("\(place) DROP NOT NULL") }
        }
        if actual.persistence != later.persistence {
            let persistence: SQL = later.persistence == .unlogged ? "UNLOGGED" : "LOGGED"
            statements.append("\(alter) SET \(persistence)")
        }
        for parent in actual.inheritedTables where !later.inheritedTables.contains(parent) {
            statements.append("\(alter) NO INHERIT \(parent)")
        }
        for parent in later.inheritedTables where !actual.inheritedTables.contains(parent) {
            statements.append("\(alter) INHERIT \(parent)")
        }
        return statements
    }

    /// Returns the columns that must become NOT NULL, which is possible once all rows are copied.
    package func missingNotNull(in actual: Table) -> [Column] {
        later.columns.filter { column in
            column.isNotNull && !column.isIdentity && actual.column(column.name)?.isNotNull == false
        }
    }
}
