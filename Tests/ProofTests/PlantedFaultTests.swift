import Catalog
import FoundationEssentials
import Postgres
import Report
import TestSupport
import Testing
import Tidemark
import Verification

@Suite struct `The proof` {
    /// The number of copies of the target; faults are distributed in turn, so that two of one object never meet.
    private static let copies = 16

    @Test func `names every fault that is planted, at the right object, and nothing else`() async throws {
        var faults = try PlantedFault.all()
        #expect(faults.count >= 150)
        var schema = try String(contentsOfFile: "Tests/ProofTests/Planted/schema.sql", encoding: .utf8)
        try await DatabasePair.with { pair in
            let isThere = (
                try await pair.source.hasExtension("file_fdw"), try await pair.target.hasExtension("file_fdw")
            )
            if isThere != (true, true) {
                schema = schema.split(separator: "\n").filter { !$0.hasSuffix("-- file_fdw") }.joined(separator: "\n")
                faults.removeAll {
                    $0.sql.contains("file_fdw") || $0.sql.contains("far_part") || $0.sql.contains("far_detached")
                        || $0.sql.contains("far_child")
                }
            }
            // The schema has objects of every kind, which older servers do not support.
            guard try await pair.source.majorVersion() >= 15 else { return }
            try await pair.source.run(schema)
            #expect(try await pair.migration().precopy().outcome == .done)
            let clean = try await pair.migration().cutover()
            #expect(clean.outcome == .done, "\(clean.text)")
            #expect(clean.verification?.findings == [], "\(clean.text)")
            let page = try FindingsPage()
            try await expectAttributes(of: pair.source, explainedBy: page)
            let administration = try TestDatabase(TestServers.target(database: "postgres"), side: .target)
            for copy in 0..<Self.copies {
                let planted = faults.indices.filter { $0 % Self.copies == copy }.map { faults[$0] }
                let name = "\(pair.name)_copy\(copy)"
                try await administration.run("CREATE DATABASE \(name) TEMPLATE \(pair.name)")
                let target = try TestDatabase(
                    pair.target.conninfo.replacing("dbname=\(pair.name)", with: "dbname=\(name)"),
                    side: .target
                )
                // A copy of the database does not include the settings of the database itself.
                for fault in planted {
                    do {
                        try await target.run(fault.sql)
                    } catch {
                        Issue.record("\(fault): \(error)")
                    }
                }
                let migration = Migration(
                    source: pair.source.endpoint,
                    target: target.endpoint,
                    options: pair.migration().options
                )
                let report = try await migration.verify()
                #expect(report.outcome == .differs)
                expect(planted, in: report.verification?.findings ?? [], page)
            }
        }
    }

    /// Every possible difference has a code that is explained.
    private func expectAttributes(of database: TestDatabase, explainedBy page: FindingsPage) async throws {
        let objects = try await ThreadConfined.with(database.endpoint, purpose: "test") { connection in
            try await connection.run { try CatalogObject.all(of: $0) }
        }
        #expect(Set(objects.map(\.kind)).count >= 35)
        for object in objects where ![.privileges, .extensionGrant, .defaultPrivileges, .owner].contains(object.kind) {
            for attribute in object.attributes.all.keys {
                #expect(
                    page.explains(attribute.string, of: object.kind.rawValue),
                    "\(object.kind.rawValue): \(attribute.visible) is not explained"
                )
            }
        }
    }

    private func expect(_ planted: [PlantedFault], in findings: [Finding], _ page: FindingsPage) {
        for fault in planted {
            for expectation in fault.expectations {
                #expect(
                    findings.contains { names($0, expectation) },
                    "\(fault) is not named as \(expectation.kind) \(expectation.object)"
                )
            }
        }
        for finding in findings {
            #expect(page.explains(finding.code), "docs/FINDINGS.md does not explain \(finding.code)")
            #expect(
                planted.contains { $0.expectations.contains { names(finding, $0) } },
                "not planted: \(finding.kind) \(finding.object): \(finding.message) (\(finding.source ?? ""), \(finding.target ?? ""))"
            )
        }
    }

    private func names(_ finding: Finding, _ expectation: PlantedFault.Expectation) -> Bool {
        finding.kind == expectation.kind && finding.object.hasPrefix(expectation.object)
    }
}
