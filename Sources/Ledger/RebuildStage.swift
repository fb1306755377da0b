/// The order in which objects are created; a stage begins when the stages before it are done.
package enum RebuildStage: Int, Sendable, Codable, CaseIterable, Comparable {
    /// Keys that identify a table's rows; deltas need them.
    case key = 1
    /// Other indexes, unique and exclusion constraints.
    case index = 2
    /// Indexes of partitioned tables, with the partitions' indexes attached to them.
    case partitionedIndex = 3
    /// NOT NULL and CHECK constraints added after the tables were created; only complete rows have to satisfy them.
    case rowConstraint = 4
    /// Foreign keys, not validated yet.
    case foreignKey = 5
    /// Validation of foreign keys.
    case validation = 6
    /// Validation of partitions' foreign keys, which a parent's foreign key can take over only when validated.
    case partitionValidation = 7
    /// Foreign keys of partitioned tables, which take over those of their partitions.
    case partitionedForeignKey = 8
    /// Indexes of materialized views; some views can only be created after the keys.
    case viewIndex = 9

    /// Whether it creates or validates foreign keys.
    package var isOfForeignKey: Bool { (.foreignKey...(.partitionedForeignKey)).contains(self) }
    package var isOfIndex: Bool { self < .rowConstraint || self == .viewIndex }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
