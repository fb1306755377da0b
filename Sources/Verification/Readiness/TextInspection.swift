package import Catalog
import Postgres

/// What differs in how two databases store and sort text; a pure function.
package enum TextInspection {
    /// Returns what is found.
    ///
    /// - Parameters:
    ///   - source: The source.
    ///   - target: The target.
    /// - Returns: The findings, in no order.
    package static func findings(source: DatabaseIdentity, target: DatabaseIdentity) -> [Finding] {
        [encoding(source, target), collation(source, target)].compactMap(\.self)
    }

    private static func encoding(_ source: DatabaseIdentity, _ target: DatabaseIdentity) -> Finding? {
        guard source.encoding != target.encoding else { return nil }
        let isSuperset = target.encoding == "UTF8"
        return Finding(
            "database",
            object: target.databaseName,
            problem: "other-encoding",
            severity: isSuperset ? .note : .hurts,
            "the source stores text as \(source.encoding), the target as \(target.encoding): "
                + (isSuperset
                    ? "text keys are compared by their bytes in UTF-8, and cut into few chunks"
                    : "a row with a character that the target's encoding lacks ends the copy"),
            source: ServerText(source.encoding),
            target: ServerText(target.encoding)
        )
    }

    /// The locale of the default collation; another version of the C library does not matter, because all indexes are built.
    private static func collation(_ source: DatabaseIdentity, _ target: DatabaseIdentity) -> Finding? {
        guard let ours = source.collation, let theirs = target.collation, normal(ours) != normal(theirs) else {
            return nil
        }
        return Finding(
            "database",
            object: target.databaseName,
            problem: "other-collation",
            severity: .hurts,
            "text is sorted as \(ours.visible) on the source and as \(theirs.visible) on the target: ORDER BY returns other orders, and "
                + "text keys are cut into few chunks; create the target database with the source's LC_COLLATE and LC_CTYPE",
            source: ours,
            target: theirs
        )
    }

    /// Systems write the same locale as `en_US.UTF-8` and `en_US.utf8`.
    private static func normal(_ collation: ServerText) -> ServerText {
        ServerText(collation.string.lowercased()).replacingAll("-", with: "")
    }
}
