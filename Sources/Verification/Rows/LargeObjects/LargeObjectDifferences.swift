import Catalog
import Planning
import Postgres

/// What differs between the large objects of two sides; the source's are read from it or from an archive's record.
struct LargeObjectDifferences {
    private let scope: Scope
    private(set) var findings: [Finding] = []

    /// Compares two sides.
    ///
    /// - Parameters:
    ///   - source: The source's large objects.
    ///   - target: The target's, of the same range of oids.
    ///   - scope: What was to be copied.
    init(source: LargeObjectReader.Side, target: LargeObjectReader.Side, in scope: Scope) {
        self.scope = scope
        for (oid, object) in source.objects.sorted(by: { $0.key < $1.key }) {
            guard let there = target.objects[oid] else {
                add(.missing, to: oid, severity: .stops, "the large object is missing on the target")
                continue
            }
            compare(source.contents[oid], target.contents[oid], of: oid)
            compare(object, there)
        }
        for oid in target.objects.keys.sorted() where source.objects[oid] == nil {
            add(.extra, to: oid, severity: .hurts, "the source has no such large object")
        }
    }

    private mutating func compare(
        _ ours: LargeObjectReader.Content?,
        _ theirs: LargeObjectReader.Content?,
        of oid: UInt32
    ) {
        guard let ours, let theirs, ours != theirs else { return }
        add(
            "content",
            to: oid,
            severity: .stops,
            "its content differs",
            source: "\(ours.bytes) bytes",
            target: "\(theirs.bytes) bytes"
        )
    }

    private mutating func compare(_ ours: LargeObject, _ theirs: LargeObject) {
        let oid = ours.oid
        if !scope.omits(.owners), ours.owner != theirs.owner {
            add(
                "owner",
                to: oid,
                severity: .hurts,
                "it belongs to another role",
                source: ours.owner,
                target: theirs.owner
            )
        }
        if !scope.omits(.privileges), !ours.givesSameRights(as: theirs) {
            add(
                "privileges",
                to: oid,
                severity: .hurts,
                "its privileges differ",
                source: ours.describedGrants,
                target: theirs.describedGrants
            )
        }
        if ours.comment != theirs.comment {
            add(
                "comment",
                to: oid,
                severity: .note,
                "its comment differs",
                source: ours.comment,
                target: theirs.comment
            )
        }
    }

    private mutating func add(
        _ problem: Finding.Problem,
        to oid: UInt32,
        severity: Finding.Severity,
        _ message: String,
        source: (any Reportable)? = nil,
        target: (any Reportable)? = nil
    ) {
        findings.append(
            Finding(
                "large object",
                object: "\(oid)",
                problem: problem,
                severity: severity,
                message,
                source: source,
                target: target
            )
        )
    }
}

extension LargeObject {
    /// Its privileges as reports show them.
    fileprivate var describedGrants: String {
        guard let grants else { return "the owner's default" }
        return grants.map { grant in
            "\(grant.privilege)\(grant.isGrantable ? " (grantable)" : "") to "
                + (grant.isOwner ? "the owner" : (grant.role ?? "PUBLIC").visible)
        }.joined(separator: ", ")
    }
}
