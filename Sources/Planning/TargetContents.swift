/// What the target holds when a run begins.
public enum TargetContents: String, Sendable, CaseIterable {
    /// Nothing: all definitions are made from the source's.
    case nothing
    /// The tables, made by other means (an application's migrations), and no rows in them.
    case schema
    /// Tables and rows of unknown origin: last week's dump, a storage snapshot. Rows are compared.
    case rows
}
