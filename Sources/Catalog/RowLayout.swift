package import Postgres

/// The columns of rows and the tables that contain them.
package protocol RowLayout {
    /// The digest of everything that decides the meaning of a row's columns.
    var columnsDigest: String { get }
    /// The digest of the tables that contain a partitioned table's rows; nil for other tables.
    var partitionsDigest: String? { get }
}

extension RowLayout {
    package func isLaidOut(as other: some RowLayout) -> Bool {
        columnsDigest == other.columnsDigest && partitionsDigest == other.partitionsDigest
    }
}

/// The content of rows, as far as definitions can change it without a write to the rows.
package protocol RowMeaning: RowLayout {
    /// The meaning of values of user-defined types: `label oid name` for each label of an enum, `row oid attributes` for
    /// each composite type; nil if there are none.
    var typeParts: [ServerText]? { get }
}

extension RowMeaning {
    /// Whether rows read under this definition and not written since have the same content now.
    ///
    /// They do not if a label was renamed, or an attribute dropped or added. New labels cannot occur in them.
    ///
    /// - Parameter now: The definition now.
    /// - Returns: Whether the content is the same.
    package func meansTheSame(under now: some RowMeaning) -> Bool {
        isLaidOut(as: now) && Set(typeParts ?? []).isSubset(of: now.typeParts ?? [])
    }
}
