import Planning
import Postgres
import TestSupport
import Testing
import Verification

@testable import Tidemark

/// What inspect finds in the rows of the source.
@Suite struct `Inspecting the rows` {
    /// Hides an index from the statements that insert duplicates.
    private static func planting(_ index: String, _ rows: String) -> String {
        """
        UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid = '\(index)'::regclass;
        \(rows);
        UPDATE pg_index SET indisready = true, indisvalid = true WHERE indexrelid = '\(index)'::regclass
        """
    }

    private static let deep: InspectionDepth = {
        var depth = InspectionDepth()
        depth.readsRows = true
        return depth
    }()

    private static func found(_ pair: DatabasePair, _ depth: InspectionDepth) async throws -> [Finding] {
        let alone = SourceInspection(source: pair.source.endpoint, options: pair.migration().options)
        let both = try await pair.migration().inspect(depth).findings.filter { $0.kind != "client" }
        // Without a target, the same is found.
        #expect(try await alone.run(depth).findings.map(\.code).sorted() == both.map(\.code).sorted())
        return both
    }

    @Test(
        arguments: Cases.some(
            2,
            of: [
                ("i int PRIMARY KEY", "t_pkey", "INSERT INTO t VALUES (7), (8), (8)", "(8) 2 times"),
                (
                    "a int, b text COLLATE \"C\", UNIQUE (a, b)", "t_a_b_key",
                    "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (1, NULL), (1, NULL)",
                    "has one key more than once, so it cannot be built on the target: (1,x) 2 times"
                ),
                (
                    "i int, v text; CREATE UNIQUE INDEX e ON t (lower(v), (i % 10))", "e",
                    "INSERT INTO t VALUES (1, 'a'), (11, 'A')", "(a,1) 2 times"
                ),
                (
                    "i int, v text; CREATE UNIQUE INDEX e ON t (i) WHERE v = 'x'", "e",
                    "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, 'y'), (2, 'y')", "has one key more than once"
                ),
                (
                    "\"a b\" int; CREATE UNIQUE INDEX \"q\"\"x\" ON t (\"a b\")", "\"q\"\"x\"",
                    "INSERT INTO t VALUES (3), (3), (3)", "(3) 3 times"
                ),
            ]
        )
    )
    func `names duplicates in unique keys`(_ columns: String, _ index: String, _ rows: String, _ named: String)
        async throws
    {
        let (first, rest) = columns.cut(at: ";")
        try await DatabasePair.with("CREATE TABLE t (\(first)); \(rest)") { pair in
            #expect(try await Self.found(pair, Self.deep) == [])
            try await pair.source.run(Self.planting(index, "\(rows)"))
            #expect(try await Self.found(pair, InspectionDepth()) == [])
            let found = try await Self.found(pair, Self.deep)
            #expect(found.map(\.severity) == [.stops] && found.first?.code.hasSuffix(".duplicates") == true, "\(found)")
            #expect(found.first?.message.contains(named) == true, "\(found)")
            // It is true: the key cannot be built.
            await #expect(throws: (any Error).self) {
                _ = try await (pair.migration().precopy(), pair.migration().cutover())
            }
        }
    }

    @Test func `names what could not be read`() async throws {
        try await DatabasePair.with("CREATE TABLE t (i int); CREATE UNIQUE INDEX e ON t ((10 / i))") { pair in
            try await pair.source.run(Self.planting("e", "INSERT INTO t VALUES (1), (0)"))
            let found = try await Self.found(pair, Self.deep)
            #expect(found.map(\.code) == ["table.unexamined"] && found.first?.severity == .note, "\(found)")
            #expect(found.first?.message.contains("index public.e could not be read") == true, "\(found)")
        }
    }

    @Test func `reads only rows that are copied`() async throws {
        try await DatabasePair.with("CREATE TABLE t (i int PRIMARY KEY); CREATE TABLE u (i int PRIMARY KEY)") { pair in
            for table in ["t", "u"] {
                try await pair.source.run(Self.planting("\(table)_pkey", "INSERT INTO \(table) VALUES (1), (1), (2)"))
            }
            let migration = pair.migration {
                $0.plan.filters[QualifiedName(schema: "public", name: "t")] = "i > 1"
                $0.plan.treatments[QualifiedName(schema: "public", name: "u")] = .excluded
            }
            #expect(try await migration.inspect(Self.deep).findings.filter { $0.kind != "client" } == [])
        }
    }

    @Test func `names rows that refer to missing ones`() async throws {
        let schema = """
            CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)) PARTITION BY RANGE (a); CREATE TABLE p1 PARTITION OF p DEFAULT;
            CREATE TABLE c (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES p); INSERT INTO p VALUES (1, 1);
            INSERT INTO c VALUES (1, 1, 1), (2, NULL, 9)
            """
        try await DatabasePair.with(schema) { pair in
            #expect(try await Self.found(pair, Self.deep) == [])
            try await pair.source.run("SET session_replication_role = replica; INSERT INTO c VALUES (3, 7, 7)")
            let found = try await Self.found(pair, Self.deep)
            #expect(found.map(\.code) == ["foreign-key.orphans"] && found.first?.severity == .stops, "\(found)")
            #expect(found.first?.message.contains("(7,7)") == true, "\(found)")
        }
    }

    @Test func `names rows that are nearly too long`() async throws {
        let schema = """
            CREATE TABLE long (id int PRIMARY KEY, v text, w bytea); INSERT INTO long SELECT n, 'short' FROM generate_series(1, 99) n;
            INSERT INTO long VALUES (100, repeat('x', 200 << 20), convert_to(repeat('y', 170 << 20), 'UTF8'))
            """
        try await DatabasePair.with(schema) { pair in
            let found = try await Self.found(pair, Self.deep)
            #expect(found.map(\.code) == ["table.long-row"], "\(found)")
            #expect(found.first?.message.contains("takes about 540 MiB") == true, "\(found)")
        }
    }

    @Test func `counts what is written, and suggests a treatment`() async throws {
        let schema =
            ["grown", "changed", "rest"].map {
                "CREATE TABLE \($0) (id int PRIMARY KEY, v int); INSERT INTO \($0) SELECT n FROM generate_series(1, 3000) n;"
            }.joined() + "UPDATE changed SET v = 0 WHERE id < 5; ANALYZE"
        try await DatabasePair.with(schema) { pair in
            // What was written before is not counted.
            try await Task.sleep(for: .seconds(2))
            var depth = InspectionDepth()
            depth.observes = .seconds(4)
            let inspected = TestSupport.Flag()
            let migration = pair.migration()
            async let inspection = {
                defer { inspected.raise() }
                return try await migration.inspect(depth)
            }()
            // Again and again: a busy machine begins to observe late.
            var id = 3000
            while !inspected.isRaised {
                id += 1
                try await pair.source.run(
                    "INSERT INTO grown VALUES (\(id)); UPDATE changed SET v = 1 WHERE id < 9; DELETE FROM changed WHERE id = \(id - 2900)"
                )
                try await Task.sleep(for: .milliseconds(200))
            }
            let found = try await inspection.findings.filter { $0.code == "table.activity" }
            let messages = Dictionary(uniqueKeysWithValues: found.map { ($0.object, $0.message) })
            func counts(_ table: String) -> [Int] {
                messages["public.\(table)"]?.split(separator: ": ").dropFirst().first?.split(separator: " ").compactMap
                { Int($0) } ?? []
            }
            let (grown, changed) = (counts("grown"), counts("changed"))
            #expect(grown.count >= 3 && grown[0] > 1 && grown[1] == 0 && grown[2] == 0, "\(found)")
            #expect(messages["public.grown"]?.contains("append_only") == true)
            #expect(changed.count >= 3 && changed[0] == 0 && changed[1] == 8 * changed[2] && changed[2] > 1, "\(found)")
            #expect(messages["public.changed"]?.contains("use whole") == true)
            #expect(messages["public.rest"]?.contains("--evidence counters") == true, "\(found)")
        }
    }

    @Test func `knows the room on a disk of this machine`() async throws {
        try await DatabasePair.with { pair in
            let free = try await Connection.with(pair.target.endpoint, purpose: "test") {
                try TargetRoom.freeBytes(on: $0)
            }
            #expect((free ?? 0) > 1 << 20)
        }
        #expect(TargetRoom.finding(needed: 5 << 30, free: 6 << 30, for: "d") == nil)
        #expect(TargetRoom.finding(needed: 6 << 30, free: 5 << 30, for: "d")?.code == "server.too-little-room")
        #expect(TargetRoom.finding(needed: 5 << 30, free: nil, for: "d")?.code == "server.room")
        #expect(TargetRoom.finding(needed: 5 << 20, free: nil, for: "d") == nil)
    }
}

extension String {
    /// What comes before and after the first separator.
    fileprivate func cut(at separator: Character) -> (String, String) {
        guard let place = firstIndex(of: separator) else { return (self, "") }
        return (String(self[..<place]), String(self[index(after: place)...]))
    }
}
