/// What an inspection does besides reading the catalogs.
public struct InspectionDepth: Sendable {
    /// Read the source's rows: for duplicates in unique keys, for rows that refer to missing ones, and for very long rows.
    ///
    /// Each would let a step of the migration fail after the rows were copied. It takes about as long as reading every large
    /// table once for each of its unique keys and foreign keys.
    public var readsRows = false
    /// Count what is inserted, updated and deleted in each large table for this time; nil: do not.
    public var observes: Duration?

    /// Creates one that reads only the catalogs.
    public init() {}
}
