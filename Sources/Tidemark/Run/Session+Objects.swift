import Catalog
import Ledger
import Planning
import Postgres
import Rebuild

extension Session {
    /// The name of the index that identifies the rows of each table.
    var keys: [QualifiedName: ServerText] {
        Dictionary(
            uniqueKeysWithValues: relations.compactMap { relation in relation.key.map { (relation.name, $0.indexName) }
            }
        )
    }

    /// All keys, indexes and constraints to build for the copied tables.
    var objects: [NewObject] {
        scope.isStage ? [] : RebuildPlan(source: source, excluding: scope.excluded).objects(keys: keys)
    }

    /// The tables whose keys are scattered over their files.
    var scatteredTables: [QualifiedName] {
        deltaRelations.filter { relation in
            guard let key = relation.key, let table = source.table(relation.name) else { return false }
            return key.isScattered(in: table)
        }.map(\.name)
    }

    /// The tables whose rows are copied, and the partitioned tables they belong to.
    ///
    /// A lock on the latter also stops writes to a new partition that go through them.
    var lockedTables: [SQL] {
        let partitions = source.partitions
        let copied = Set(copiedRelations.map(\.name))
        let roots = source.tables.filter { copied.contains($0.qualifiedName) }.flatMap { partitions.ancestors(of: $0) }
        let names = Set(roots.map(\.qualifiedName)).subtracting(copied).subtracting(scope.excluded)
        return copiedRelations.map(\.rows) + names.sorted().map { "ONLY \($0)" }
    }
}
