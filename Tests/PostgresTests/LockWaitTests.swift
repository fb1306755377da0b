import Testing

@testable import Postgres

@Suite struct `The report on another session` {
    @Test(arguments: [
        ("alter table t add column secret text default 'pass'", "ALTER TABLE"), ("TRUNCATE t", "TRUNCATE"),
        ("/* app: shop */ -- a comment\n drop\n index concurrently i", "DROP INDEX"),
        ("BEGIN; LOCK TABLE t", "LOCK TABLE"),
        ("SET lock_timeout = 0; SET a = 'x'; VACUUM FULL t", "VACUUM FULL"), ("SELECT secret FROM t", "SELECT"),
        ("<insufficient privilege>", ""), ("", ""), ("BEGIN", "BEGIN"), ("/* never ended", ""), ("é", ""),
    ])
    func `shows the kind of its statement, but not its contents`(query: String, kind: String) {
        #expect(StatementKind(of: ServerText(query)).words == kind)
    }

    @Test func `follows sessions that wait themselves`() {
        func session(_ pid: Int) -> LockWait.Session { .init(pid: pid, description: "\(pid)", name: "") }
        func wait(_ pid: Int, _ blockers: [Int]) -> LockWait {
            LockWait(waiter: session(pid), relation: "t", mode: "AccessShareLock", blockers: blockers.map(session))
        }
        let waits = [1: wait(1, [2]), 2: wait(2, [3, 1]), 3: wait(3, [4])]
        #expect(waits[1]?.allBlockers(waits) == [1, 2, 3, 4])
        #expect(waits[3]?.allBlockers(waits) == [4])
    }
}
