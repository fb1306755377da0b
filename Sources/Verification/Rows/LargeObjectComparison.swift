package import Catalog
package import Planning
import Postgres
import Synchronization

/// Compares large objects: which exist, their content, owners, privileges and comments.
///
/// It reads their content in a different way than the copier.
package final class LargeObjectComparison: Sendable {
    private static let pageSize = 256 << 10
    /// `INV_READ` (PostgreSQL manual, Large Objects, Client Interfaces).
    private static let toRead = 262_144

    private struct State {
        var open: [LargeObjectRange]
        var result: VerificationResult
        var sourceCount = 0
        var targetCount = 0
    }

    private struct Content: Decodable, Equatable {
        let oid: UInt32
        let bytes: Int
        let hash: String
    }

    private struct Side {
        let objects: [UInt32: LargeObject]
        let contents: [UInt32: Content]
    }

    private let state: Mutex<State>
    private let scope: Scope
    private let isStopped: @Sendable () -> Bool

    /// - Parameters:
    ///   - ranges: The ranges of oids to compare.
    ///   - scope: What was to be copied.
    ///   - isStopped: Asked between two ranges; true ends the work.
    package init(_ ranges: [LargeObjectRange], scope: Scope, isStopped: @escaping @Sendable () -> Bool) {
        state = Mutex(State(open: ranges, result: VerificationResult(method: "sha256 of large objects")))
        self.scope = scope
        self.isStopped = isStopped
    }

    /// Compares ranges until none is left.
    ///
    /// - Parameter pair: The connections to use.
    /// - Throws: ``PostgresError``.
    package func compare(with pair: VerificationPair) throws {
        while !isStopped(), let range = state.withLock({ $0.open.popLast() }) {
            try during("comparing \(range)") {
                guard let ours = try read(range, on: pair.source), let theirs = try read(range, on: pair.target) else {
                    return
                }
                compare(ours, theirs)
            }
        }
    }

    /// Returns the result, once all ranges are compared.
    package func result() -> VerificationResult {
        state.withLock { state in
            var result = state.result
            result.examined = [
                VerificationResult.Examined(kind: "large object", source: state.sourceCount, target: state.targetCount)
            ]
            return result
        }
    }

    private func compare(_ ours: Side, _ theirs: Side) {
        var findings: [Finding] = []
        for (oid, object) in ours.objects.sorted(by: { $0.key < $1.key }) {
            func add(
                _ problem: Finding.Problem,
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
            guard let there = theirs.objects[oid] else {
                add(.missing, severity: .stops, "the large object is missing on the target")
                continue
            }
            if let mine = ours.contents[oid], let its = theirs.contents[oid], mine != its {
                add(
                    "content",
                    severity: .stops,
                    "its content differs",
                    source: "\(mine.bytes) bytes",
                    target: "\(its.bytes) bytes"
                )
            }
            if !scope.omits(.owners), object.owner != there.owner {
                add("owner", severity: .hurts, "it belongs to another role", source: object.owner, target: there.owner)
            }
            if !scope.omits(.privileges), !object.givesSameRights(as: there) {
                add("privileges", severity: .hurts, "its privileges differ", source: object.told, target: there.told)
            }
            if object.comment != there.comment {
                add("comment", severity: .note, "its comment differs", source: object.comment, target: there.comment)
            }
        }
        for oid in theirs.objects.keys.sorted() where ours.objects[oid] == nil {
            findings.append(
                Finding(
                    "large object",
                    object: "\(oid)",
                    problem: .extra,
                    severity: .hurts,
                    "the source has no such large object"
                )
            )
        }
        let found = findings
        state.withLock { state in
            state.sourceCount += ours.objects.count
            state.targetCount += theirs.objects.count
            state.result.findings += found
        }
    }

    /// Reads a range; nil if the server refuses, in which case its large objects stay unproven.
    private func read(_ range: LargeObjectRange, on connection: Connection) throws -> Side? {
        let objects = try connection.query(LargeObject.self, LargeObject.query(range))
        try connection.execute("SAVEPOINT large_objects")
        do {
            let contents = try connection.query(
                Content.self,
                """
                SELECT s.oid::bigint AS oid, s.size AS bytes,
                       (SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.string_agg(pg_catalog.sha256(
                                   pg_catalog.lo_get(s.oid, n.start, \(Self.pageSize))), '' ORDER BY n.start)), 'hex')
                        FROM pg_catalog.generate_series(0::bigint, s.size, \(Self.pageSize)) AS n(start)) AS hash
                FROM (SELECT o.oid, pg_catalog.lo_lseek64(o.descriptor, 0, 2) + pg_catalog.lo_close(o.descriptor) AS size
                      FROM (SELECT m.oid, pg_catalog.lo_open(m.oid, \(Self.toRead)) AS descriptor
                            FROM pg_catalog.pg_largeobject_metadata m WHERE \(range.condition) OFFSET 0) o OFFSET 0) s
                """
            )
            try connection.execute("RELEASE SAVEPOINT large_objects")
            return Side(objects: Self.byOid(objects, \.oid), contents: Self.byOid(contents, \.oid))
        } catch let error as PostgresError where error.isRefusal {
            try connection.execute("ROLLBACK TO SAVEPOINT large_objects")
            state.withLock { $0.result.notProven.append("\(range) could not be read: \(error)") }
            return nil
        }
    }

    private static func byOid<Value>(_ values: [Value], _ oid: (Value) -> UInt32) -> [UInt32: Value] {
        Dictionary(uniqueKeysWithValues: values.map { (oid($0), $0) })
    }
}

extension LargeObject {
    /// Its privileges as reports show them.
    fileprivate var told: String {
        guard let grants else { return "the owner's default" }
        return grants.map { grant in
            "\(grant.privilege)\(grant.isGrantable ? " (grantable)" : "") to "
                + (grant.isOwner ? "the owner" : (grant.role ?? "PUBLIC").visible)
        }.joined(separator: ", ")
    }
}
