import Catalog
import FoundationEssentials
import Ledger
import Postgres
import Rebuild
import TestSupport
import Testing

@Suite struct `The rebuild plan` {
    private func objects(
        _ source: CatalogBuilder,
        excluding excluded: Set<QualifiedName> = [],
        keys: [String: ServerText] = [:]
    ) -> [NewObject] {
        RebuildPlan(source: source.catalog, excluding: excluded).objects(
            keys: Dictionary(uniqueKeysWithValues: keys.map { (CatalogBuilder.name($0.key), $0.value) })
        )
    }

    private func statements(_ object: NewObject?) -> [String] { object?.statements.map(\.text.string) ?? [] }

    private var source: CatalogBuilder {
        var source = CatalogBuilder()
        source.table("t", ["id bigint!", "a integer"])
        source.table("u", ["id bigint!"])
        return source
    }

    @Test func `builds a primary key by its index, and the constraint with it`() {
        var source = source
        source.index("t_pkey", on: "t", ["id"], .primaryKey)
        let objects = objects(source, keys: ["t": "t_pkey"])
        #expect(objects.map(\.stage) == [.key])
        #expect(
            statements(objects.first) == [
                "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)",
                #"ALTER TABLE ONLY "public"."t" ADD CONSTRAINT "t_pkey" PRIMARY KEY USING INDEX "t_pkey""#,
            ]
        )
    }

    @Test func `keeps a constraint deferrable`() {
        var source = source
        source.index("t_u", on: "t", ["a"], .uniqueConstraint, with: ["isDeferrable": true, "isDeferred": true])
        #expect(statements(objects(source).first).last?.hasSuffix("DEFERRABLE INITIALLY DEFERRED") == true)
    }

    @Test func `adds an exclusion constraint as one statement`() {
        var source = source
        source.index("t_x", on: "t", ["a"], .exclusion)
        #expect(
            statements(objects(source).first)
                == [#"ALTER TABLE ONLY "public"."t" ADD CONSTRAINT "t_x" EXCLUDE USING btree (a WITH =)"#]
        )
    }

    @Test(arguments: ["isValid", "isReady", "isLive"])
    func `builds no index that the source does not enforce itself`(_ field: String) {
        var source = source
        source.index("t_a", on: "t", ["a"], .plain, with: [field: false])
        #expect(objects(source).isEmpty)
    }

    @Test func `builds an index in its tablespace`() {
        var source = source
        source.index("t_a", on: "t", ["a"], .plain, with: ["tablespace": "fast"])
        #expect(statements(objects(source).first).first?.hasPrefix(#"SET LOCAL default_tablespace = "fast"; "#) == true)
    }

    @Test func `sets what an index is marked as`() {
        var source = source
        source.index(
            "t_a",
            on: "t",
            ["a"],
            .unique,
            with: [
                "isClustered": true, "isReplicaIdentity": true, "statisticsTargets": [["column": 1, "target": 500]],
                "dependentOnExtensions": ["citext"],
            ]
        )
        #expect(
            statements(objects(source).first).dropFirst() == [
                #"ALTER TABLE "public"."t" CLUSTER ON "t_a""#,
                #"ALTER TABLE ONLY "public"."t" REPLICA IDENTITY USING INDEX "t_a""#,
                #"ALTER INDEX "public"."t_a" ALTER COLUMN 1 SET STATISTICS 500"#,
                #"ALTER INDEX "public"."t_a" DEPENDS ON EXTENSION "citext""#,
            ]
        )
    }

    @Test func `attaches the partitions' indexes to the partitioned one`() {
        var source = CatalogBuilder()
        let root = source.table("root", ["id bigint!"], with: ["kind": "p"])
        source.table("leaf", ["id bigint!"], with: ["parentOid": root])
        let parent = source.index("root_id", on: "root", ["id"], .plain, with: ["kind": "I", "tableKind": "p"])
        source.index("leaf_id", on: "leaf", ["id"], .plain, with: ["parentOid": parent])
        let objects = objects(source)
        #expect(objects.map(\.stage) == [.index, .partitionedIndex])
        #expect(statements(objects.last).last == #"ALTER INDEX "public"."root_id" ATTACH PARTITION "public"."leaf_id""#)
    }

    @Test func `adds a foreign key first and validates it later`() {
        var source = source
        source.foreignKey("fk", on: "t", "a", references: "u")
        let objects = objects(source)
        #expect(objects.map(\.stage) == [.foreignKey, .validation])
        #expect(statements(objects.first).first?.hasSuffix("REFERENCES public.u(id) NOT VALID") == true)
        #expect(statements(objects.last) == [#"ALTER TABLE "public"."t" VALIDATE CONSTRAINT "fk""#])
    }

    @Test func `leaves a foreign key unvalidated that the source has not validated`() {
        var source = source
        source.foreignKey(
            "fk",
            on: "t",
            "a",
            references: "u",
            with: [
                "isValidated": false, "definition": "FOREIGN KEY (a) REFERENCES public.u(id) NOT VALID",
            ]
        )
        let objects = objects(source)
        #expect(objects.map(\.stage) == [.foreignKey])
        #expect(statements(objects.first).first?.components(separatedBy: "NOT VALID").count == 2)
    }

    @Test(arguments: ["t", "u"]) func `leaves out a foreign key with either of its tables`(_ table: String) {
        var source = source
        source.foreignKey("fk", on: "t", "a", references: "u")
        #expect(objects(source, excluding: [CatalogBuilder.name(table)]).isEmpty)
    }

    @Test func `quotes every name`() {
        var source = CatalogBuilder()
        source.table("a\"b", ["id bigint!"])
        source.index("i\"; DROP", on: "a\"b", ["id"], .primaryKey)
        #expect(
            statements(objects(source).first).last
                == #"ALTER TABLE ONLY "public"."a""b" ADD CONSTRAINT "i""; DROP" PRIMARY KEY USING INDEX "i""; DROP""#
        )
    }
}

@Suite struct `The repair plan` {
    private func plan(_ source: CatalogBuilder, _ target: CatalogBuilder, concurrently: Bool = false) -> RepairPlan {
        RepairPlan(source: source.catalog, target: target.catalog, excluding: [], concurrently: concurrently)
    }

    private func statements(_ plan: RepairPlan) -> [String] {
        plan.repairs.flatMap { $0.steps.map(\.statement.text.string) }
    }

    private func database(_ add: (inout CatalogBuilder) -> Void = { _ in }) -> CatalogBuilder {
        var database = CatalogBuilder()
        database.table("t", ["id bigint!", "a integer"])
        database.table("u", ["id bigint!"])
        add(&database)
        return database
    }

    @Test func `has nothing to do where both are alike`() {
        let same = database {
            $0.index("t_pkey", on: "t", ["id"], .primaryKey)
            $0.foreignKey("fk", on: "t", "a", references: "u")
        }
        #expect(plan(same, same).repairs.isEmpty && plan(same, same).refused.isEmpty)
    }

    @Test func `builds a missing key concurrently, without a moment of a lock`() {
        let source = database { $0.index("t_pkey", on: "t", ["id"], .primaryKey) }
        let plan = plan(source, database(), concurrently: true)
        #expect(
            statements(plan) == [
                "CREATE UNIQUE INDEX CONCURRENTLY t_pkey ON public.t USING btree (id)",
                #"ALTER TABLE "public"."t" ADD CONSTRAINT "t_pkey" PRIMARY KEY USING INDEX "t_pkey""#,
            ]
        )
        #expect(plan.repairs.allSatisfy { $0.steps.allSatisfy { $0.manner != .blocking } })
    }

    @Test func `gives a primary key its NOT NULL without scanning under a lock`() {
        let source = database { $0.index("t_pkey", on: "t", ["a"], .primaryKey) }
        let steps = plan(source, database(), concurrently: true).repairs.flatMap(\.steps)
        #expect(steps.contains { $0.statement.text.contains("CHECK (\"a\" IS NOT NULL) NOT VALID") })
        #expect(steps.first { $0.statement.text.contains("VALIDATE CONSTRAINT") }?.manner == .scan)
    }

    @Test func `adds only the constraint where the index is there`() {
        let source = database { $0.index("t_pkey", on: "t", ["id"], .primaryKey) }
        let target = database { $0.index("t_pkey", on: "t", ["id"], .unique) }
        #expect(
            statements(plan(source, target))
                == [#"ALTER TABLE "public"."t" ADD CONSTRAINT "t_pkey" PRIMARY KEY USING INDEX "t_pkey""#]
        )
    }

    @Test func `drops an invalid index and builds it again`() {
        let source = database { $0.index("t_a", on: "t", ["a"]) }
        let target = database { $0.index("t_a", on: "t", ["a"], .plain, with: ["isValid": false]) }
        #expect(
            statements(plan(source, target, concurrently: true)) == [
                #"DROP INDEX CONCURRENTLY "public"."t_a""#, "CREATE INDEX CONCURRENTLY t_a ON public.t USING btree (a)",
            ]
        )
    }

    @Test func `keeps an index that differs in service until its successor is there`() {
        let source = database { $0.index("t_a", on: "t", ["a"]) }
        let target = database { $0.index("t_a", on: "t", ["id"]) }
        let made = statements(plan(source, target, concurrently: true))
        #expect(made.count == 3 && made[0].hasPrefix("ALTER INDEX") && made[2].hasPrefix("DROP INDEX CONCURRENTLY"))
    }

    @Test func `refuses to build an exclusion constraint on a live target`() {
        let source = database { $0.index("t_x", on: "t", ["a"], .exclusion) }
        #expect(plan(source, database(), concurrently: true).refused.count == 1)
        #expect(plan(source, database(), concurrently: true).repairs.isEmpty)
        #expect(plan(source, database()).repairs.count == 1)
    }

    @Test func `refuses an index of that name on another table`() {
        let source = database { $0.index("i", on: "t", ["id"]) }
        let target = database { $0.index("i", on: "u", ["id"]) }
        #expect(plan(source, target).refused.count == 1 && plan(source, target).repairs.isEmpty)
    }

    @Test func `adds and validates a missing foreign key`() {
        let source = database { $0.foreignKey("fk", on: "t", "a", references: "u") }
        #expect(
            statements(plan(source, database())) == [
                #"ALTER TABLE "public"."t" ADD CONSTRAINT "fk" FOREIGN KEY (a) REFERENCES public.u(id) NOT VALID"#,
                #"ALTER TABLE "public"."t" VALIDATE CONSTRAINT "fk""#,
            ]
        )
    }

    @Test func `validates what was left for later`() {
        let source = database { $0.foreignKey("fk", on: "t", "a", references: "u") }
        let target = database {
            $0.foreignKey(
                "fk",
                on: "t",
                "a",
                references: "u",
                with: [
                    "isValidated": false, "definition": "FOREIGN KEY (a) REFERENCES public.u(id) NOT VALID",
                ]
            )
        }
        #expect(statements(plan(source, target)) == [#"ALTER TABLE "public"."t" VALIDATE CONSTRAINT "fk""#])
        #expect(statements(plan(target, source)).isEmpty, "more than the source demands is no fault")
    }

    @Test func `never replaces a constraint that is defined otherwise`() {
        let source = database { $0.constraint("c", on: "t", "CHECK ((a > 0))") }
        let target = database { $0.constraint("c", on: "t", "CHECK ((a > 1))") }
        #expect(plan(source, target).repairs.isEmpty && plan(source, target).refused.count == 1)
    }

    @Test func `clears away what an interrupted build has left`() {
        let target = database {
            $0.index("t_a_ccnew", on: "t", ["a"], .plain, with: ["isValid": false])
            $0.index("tidemark_aside_99", on: "t", ["a"])
            $0.index("somebodys", on: "t", ["a"])
        }
        #expect(
            Set(statements(plan(database(), target)))
                == [#"DROP INDEX "public"."t_a_ccnew""#, #"DROP INDEX "public"."tidemark_aside_99""#]
        )
    }

    @Test func `does nothing on tables the target lacks`() {
        var target = CatalogBuilder()
        target.table("u", ["id bigint!"])
        let source = database { $0.index("t_pkey", on: "t", ["id"], .primaryKey) }
        #expect(plan(source, target).repairs.isEmpty)
    }
}
