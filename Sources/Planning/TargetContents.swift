/// What the target contains when a run begins.
public enum TargetContents: String, Sendable, CaseIterable {
    /// Nothing; all definitions are created from the source's.
    case nothing
    /// Tables without rows, created by other means (an application's migrations).
    case schema
    /// Tables and rows of unknown origin (last week's dump, a storage snapshot); the rows are compared.
    case rows
}
