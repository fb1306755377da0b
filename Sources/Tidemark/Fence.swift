/// What keeps the source from changing during the cutover.
public enum Fence: String, Sendable, CaseIterable {
    /// Nothing: maintenance mode is trusted, and the report says whether the source was quiet.
    case none
    /// SHARE locks on all copied tables, held to the end, so that writers wait; they need more than SELECT.
    case lock
    /// The source database is made read-only, and other sessions are ended; only ``SourceFence/lower()`` undoes it.
    ///
    /// The source's role must own the database. A session may still turn the setting off for itself, so the report says
    /// whether the source was quiet all the same.
    case readOnly = "read-only"
}
