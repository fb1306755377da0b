package import Postgres

/// Which columns rows have, and which tables hold them.
package protocol RowLayout {
    /// Of all that decides over what the columns of a row mean.
    var columnsDigest: String { get }
    /// Of which tables hold the rows of a partitioned one; nil for any other.
    var partitionsDigest: String? { get }
}

extension RowLayout {
    package func isLaidOut(as other: some RowLayout) -> Bool {
        columnsDigest == other.columnsDigest && partitionsDigest == other.partitionsDigest
    }
}

/// What rows hold, as far as a definition can change it without any of them being written.
package protocol RowMeaning: RowLayout {
    /// What values of the database's own types in it mean: `label oid name` for each of an enum, `row oid attributes` for each
    /// composite type; nil where there are none.
    var typeParts: [ServerText]? { get }
}

extension RowMeaning {
    /// Whether rows that were read under this definition, and that nobody has written since, hold the same now.
    ///
    /// They do not if a label was renamed, or an attribute dropped or added. Labels that came since are in none of them.
    ///
    /// - Parameter now: The definition later.
    /// - Returns: Whether they do.
    package func meansTheSame(under now: some RowMeaning) -> Bool {
        isLaidOut(as: now) && Set(typeParts ?? []).isSubset(of: now.typeParts ?? [])
    }
}
