import TestSupport
import Testing

@Suite struct `A precopy that is killed` {
    private static let schema = """
        CREATE TABLE events (id bigserial PRIMARY KEY, kind text, body text);
        INSERT INTO events (kind, body) SELECT 'k' || n % 9, repeat(md5(n::text), 5) FROM generate_series(1, 60000) n;
        CREATE INDEX events_kind ON events (kind);
        CREATE INDEX events_body ON events (body);
        CREATE TABLE orders (id int PRIMARY KEY, code text UNIQUE, event bigint REFERENCES events);
        INSERT INTO orders SELECT n, 'c' || n, n FROM generate_series(1, 20000) n;
        CREATE TABLE tokens (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int UNIQUE, body text);
        INSERT INTO tokens (n, body) SELECT n, repeat(md5(n::text), 5) FROM generate_series(1, 20000) n;
        CREATE TABLE small (a int);
        INSERT INTO small SELECT generate_series(1, 100);
        ANALYZE;
        """

    private static let options = ["--chunk-size", "512kB", "--whole-below", "100kB", "--jobs", "3"]

    @Test(.onceIn(2)) func `copies no recorded chunk again, however often it is killed`() async throws {
        try await DatabasePair.with(Self.schema) { pair in
            let command = Command(
                environment: ["TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo]
            )
            var kills = 0
            var random = UInt64(20_261_121)
            var longest = Duration.milliseconds(1500)
            // A run that was not killed shows how long a run takes; the next one is killed within that time.
            for attempt in 1...60 where kills < 8 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let delay = Duration.milliseconds(10) + longest * (Double(random >> 33) / Double(1 << 31))
                let start = ContinuousClock.now
                let outcome = try await command.run(["precopy"] + Self.options, killAfter: delay)
                if outcome.code == nil {
                    kills += 1
                } else {
                    #expect(outcome.code == 0, "not killed, though to be after \(delay): \(outcome.errors)")
                    longest = start.duration(to: .now) * 0.8
                }
                // Writes of every kind happen meanwhile.
                try await pair.source.run(
                    """
                    UPDATE events SET kind = 'u\(attempt)' WHERE id % 1009 = \(attempt);
                    DELETE FROM events WHERE id % 4999 = \(attempt) AND id NOT IN (SELECT event FROM orders);
                    INSERT INTO events (kind) SELECT 'new' FROM generate_series(1, 20);
                    UPDATE orders SET code = 'x' || code WHERE id % 997 = \(attempt);
                    UPDATE tokens SET body = 'u\(attempt)' WHERE n % 997 = \(attempt);
                    DELETE FROM tokens WHERE n % 1999 = \(attempt);
                    INSERT INTO tokens (n) SELECT 20000 + \(attempt) * 20 + n FROM generate_series(1, 20) n;
                    """
                )
            }
            #expect(kills == 8, "too few runs were killed for this test")
            // The first run ends the pass that was killed last. The next pass updates chunks that were copied before
            // the last writes.
            for _ in 0..<2 {
                let last = try await command.run(["precopy"] + Self.options, killAfter: nil)
                #expect(last.code == 0, "\(last.errors)")
            }
            #expect(try await pair.differingTables().filter { $0 != "public.small" } == [])
            // No recorded chunk was copied a second time.
            #expect(
                try await pair.target.column(
                    """
                    SELECT relation_id || '/' || chunk_number || ' ' || count(*) FROM tidemark.event WHERE kind = 'base'
                    GROUP BY relation_id, chunk_number HAVING count(*) > 1
                    """
                ) == []
            )
            #expect(try await pair.target.value("SELECT count(*) FROM tidemark.event WHERE kind = 'reconciled'") == "0")
            #expect(
                try await pair.target.value(
                    "SELECT count(*) = (SELECT count(*) FROM tidemark.chunk c JOIN tidemark.relation r USING (relation_id) WHERE r.treatment = 'delta') FROM tidemark.event WHERE kind = 'base'"
                ) == "t"
            )
        }
    }
}
