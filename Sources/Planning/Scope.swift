package import Catalog
package import Postgres

/// What belongs to a run: all of the source, except tables and schemas that are excluded and kinds of objects that are left
/// out.
package struct Scope: Sendable {
    /// Tables that are left out, with their definitions.
    package let excluded: Set<QualifiedName>
    /// Kinds of objects, schemas and extensions that are left out.
    package let omissions: Set<Omission>
    /// The tables of a stage; nil: all that are not excluded.
    private let staged: Set<QualifiedName>?

    /// The whole source.
    package static let everything = Scope()

    package init(excluding excluded: Set<QualifiedName> = [], omitting omissions: Set<Omission> = []) {
        self.init(excluding: excluded, omitting: omissions, staged: nil)
    }

    /// What belongs to a run with a plan; of a stage only its tables: the target has others of its own.
    package init(of plan: Plan, omitting omissions: Set<Omission>) {
        let staged = Set(plan.tables.filter(\.isShared).map(\.name))
        self.init(excluding: plan.excluded, omitting: omissions, staged: staged.isEmpty ? nil : staged)
    }

    /// - Parameters:
    ///   - excluded: Tables that are left out.
    ///   - omissions: Kinds of objects that are left out.
    ///   - staged: The tables of a stage; nil: all that are not excluded.
    package init(excluding excluded: Set<QualifiedName>, omitting omissions: Set<Omission>, staged: Set<QualifiedName>?)
    {
        self.excluded = excluded
        self.omissions = omissions
        self.staged = staged
    }

    /// Whether a table belongs to the run.
    package func contains(_ table: QualifiedName) -> Bool {
        (staged?.contains(table) ?? true) && !excluded.contains(table) && !omits(.schema(table.schema))
    }

    /// Whether an object belongs to the run, wherever it is; whether its kind does is for the comparison to say.
    package func contains(_ object: CatalogObject) -> Bool {
        // What else the target has has been its own since it went into service.
        if isStage, object.kind != .column || object.table == nil { return false }
        return object.table.map(contains) ?? true && !(object.schema.map { omits(.schema($0)) } ?? false)
            && !(object.ofExtension.map { omits(.extension($0)) } ?? false)
    }

    /// Whether only rows are copied, into tables that also hold rows of others.
    package var isStage: Bool { omissions.contains(.allButFilteredRows) }

    /// Whether a kind of objects is left out.
    package func omits(_ omission: Omission) -> Bool {
        switch omission {
        case .foreignKeyValidation, .schema, .extension: omissions.contains(omission)
        default: isStage || omissions.contains(omission)
        }
    }

    /// Returns what of a database is compared.
    ///
    /// - Parameter catalog: All of it.
    /// - Returns: The same, without schemas and extensions that are left out, and without places where tablespaces are.
    package func applied(to catalog: DatabaseCatalog) -> DatabaseCatalog {
        let wanted = catalog.without(schemas: omissions.schemas, extensions: omissions.extensions)
        return omits(.tablespaces) ? wanted.withoutTablespaces : wanted
    }
}

extension DatabaseCatalog {
    /// The sequences that belong to a run; of a stage only those that serve one of its tables.
    package func sequences(in scope: Scope) -> [SequenceDefinition] {
        let wanted = sequences(excluding: scope.excluded)
        return scope.isStage ? wanted.filter { !$0.columns.isEmpty } : wanted
    }
}
