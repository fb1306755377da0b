import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `Large objects` {
    /// Small large objects in several ranges, an empty one, one with a hole, one larger than a batch.
    private static func schema(pages: Int) -> String {
        """
        CREATE TABLE pictures (id int PRIMARY KEY, picture oid);
        INSERT INTO pictures SELECT n, lo_from_bytea(700000 + n, convert_to(repeat('p' || n, n), 'UTF8')) FROM generate_series(1, 450) n;
        SELECT lo_create(800001), lo_create(800002), lo_create(800003);
        SELECT lo_put(800002, 5000000, '\\x00ff');
        SELECT lo_put(800003, n * 1048576, decode(repeat(md5(n::text), 32768), 'hex') || decode(repeat(md5(n::text), 32768), 'hex'))
        FROM generate_series(0, \(pages - 1)) n;
        """
    }

    private static let contents = """
        SELECT m.oid::text || ' ' || pg_get_userbyid(lomowner)::text || ' ' || coalesce(lomacl::text, '-') || ' '
               || coalesce(obj_description(m.oid, 'pg_largeobject'), '-') || ' ' || md5(lo_get(m.oid))
        FROM pg_largeobject_metadata m ORDER BY m.oid
        """

    @Test(.onceIn(2)) func `are equal to the source's in the end, whatever changed in between`() async throws {
        try await DatabasePair.with(Self.schema(pages: 67)) { pair in
            try await pair.createRole("lo_reader")
            let first = try await pair.migration().precopy()
            #expect(first.transfer.largeObjects == 453)
            #expect(try await pair.migration().precopy().transfer.largeObjects == 0)
            try await pair.source.run(
                """
                SELECT lo_put(700010, 3, 'X'); -- as long as before
                SELECT lo_put(800003, 70000000, 'tail');
                SELECT lo_unlink(700020); DELETE FROM pictures WHERE id = 20;
                SELECT lo_truncate(lo_open(800002, 131072), 10);
                SELECT lo_from_bytea(900000, 'new');
                ALTER LARGE OBJECT 700030 OWNER TO lo_reader;
                GRANT SELECT ON LARGE OBJECT 700040 TO lo_reader WITH GRANT OPTION;
                GRANT SELECT ON LARGE OBJECT 700041 TO PUBLIC;
                REVOKE UPDATE ON LARGE OBJECT 700042 FROM postgres;
                COMMENT ON LARGE OBJECT 700050 IS 'it''s new';
                """
            )
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(report.transfer.largeObjects == 9)
            #expect(report.transfer.removedLargeObjects == 1)
            let (ours, theirs) = (
                try await pair.source.column(Self.contents), try await pair.target.column(Self.contents)
            )
            #expect(ours == theirs)
            #expect(ours.count == 453)
        }
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("SELECT lo_put(700010, 3, 'X')", "700010", "its content differs"),
                ("SELECT lo_put(800003, 3000000, 'X')", "800003", "its content differs"),
                ("SELECT lo_unlink(800001)", "800001", "missing"),
                ("SELECT lo_create(999)", "999", "the source has no such"),
                ("ALTER LARGE OBJECT 700030 OWNER TO lo_reader", "700030", "belongs to another role"),
                ("GRANT SELECT ON LARGE OBJECT 700040 TO PUBLIC", "700040", "its privileges differ"),
            ]
        )
    )
    func `that differ are named`(change: String, object: String, message: String) async throws {
        try await DatabasePair.with(Self.schema(pages: 4)) { pair in
            try await pair.createRole("lo_reader")
            _ = try await pair.migration().precopy()
            #expect(try await pair.migration().cutover().outcome == .done)
            try await pair.target.run(change)
            let report = try await pair.migration().verify()
            #expect(report.outcome == .differs)
            let findings = report.verification?.findings ?? []
            #expect(findings.map(\.object) == [object])
            #expect(findings.allSatisfy { $0.message.contains(message) }, "\(findings)")
        }
    }

    @Test func `are left out when requested, also during cutover`() async throws {
        try await DatabasePair.with(Self.schema(pages: 4)) { pair in
            _ = try await pair.migration { $0.omissions = [.largeObjects] }.precopy()
            let report = try await pair.migration().cutover()
            #expect(report.outcome == .done, "\(report.text)")
            #expect(try await pair.target.value("SELECT count(*) FROM pg_largeobject_metadata") == "0")
        }
    }
}
