import FoundationEssentials
import Postgres
import TestSupport
import Testing

/// A migration from its first copy to the way back, and an archive of it; each command is killed and run again.
///
/// After each command that claims equal sides, they are compared by means that share no code with the tool: the sorted rows of
/// every table, the schemas as `pg_dump` prints them, large objects, and the next values of sequences.
struct Lifecycle {
    /// The commands, in their order.
    enum Act: String, CaseIterable {
        case precopy, precopyAgain, rehearsal, cutover, cutoverAgain, rebuild, rebuildConcurrently, back
        case dump, dumpAgain, merge, restore

        /// Whether the source may be written to between a kill and the next call.
        var allowsWrites: Bool { [.precopy, .precopyAgain, .rehearsal, .cutover, .cutoverAgain, .dump].contains(self) }
        /// Whether the target is one that `verify` can compare with the source at any time.
        var isCompared: Bool { [.rehearsal, .cutover, .cutoverAgain, .rebuild, .rebuildConcurrently].contains(self) }
        /// Whether both sides are equal when it has ended.
        var provesEqual: Bool { ![.precopy, .precopyAgain, .dump, .dumpAgain, .merge].contains(self) }
    }

    /// Where a command is killed.
    enum Kill: CustomStringConvertible {
        case at(StatusPoint, time: Int)
        case after(Duration)

        var description: String {
            switch self {
            case .at(let point, let time): "\(point) for time \(time)"
            case .after(let duration): "the moment \(duration)"
            }
        }
    }

    /// What a command does when nobody kills it.
    struct Reference {
        var points: [StatusPoint: Int] = [:]
        var duration = Duration.zero
    }

    static let schema = """
        CREATE TYPE state AS ENUM ('new', 'paid');
        CREATE TABLE events (id bigserial PRIMARY KEY, kind text, body text);
        INSERT INTO events (kind, body) SELECT 'k' || n % 9, repeat(md5(n::text), 5) FROM generate_series(1, 6000) n;
        CREATE INDEX events_kind ON events (kind); CREATE INDEX events_body ON events (body);
        CREATE TABLE orders (id int PRIMARY KEY, code text UNIQUE, event bigint REFERENCES events, s state DEFAULT 'new');
        INSERT INTO orders SELECT n, 'c' || n, n FROM generate_series(1, 3000) n;
        CREATE TABLE tokens (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int UNIQUE, body text);
        INSERT INTO tokens (n, body) SELECT n, repeat(md5(n::text), 5) FROM generate_series(1, 3000) n;
        CREATE TABLE parts (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
        CREATE TABLE parts_2 PARTITION OF parts DEFAULT; CREATE INDEX ON parts (v);
        INSERT INTO parts SELECT n, date '2026-01-01' + n % 60, md5(n::text) FROM generate_series(1, 1500) n;
        CREATE TABLE small (a int); INSERT INTO small SELECT generate_series(1, 100);
        CREATE TABLE audit (at int);
        CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO public.audit VALUES (1); RETURN NULL; END';
        CREATE TRIGGER noted AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION noted();
        CREATE VIEW grouped AS SELECT id, code, count(*) FROM orders GROUP BY id;
        CREATE MATERIALIZED VIEW kinds AS SELECT kind, count(*) FROM events GROUP BY kind; CREATE UNIQUE INDEX ON kinds (kind);
        GRANT SELECT ON events TO PUBLIC;
        SELECT lo_from_bytea(4711, 'before'); ANALYZE;
        """

    /// What an application writes: rows of every kind, changed keys, sequences, large objects.
    static func writes(_ round: Int) -> String {
        """
        UPDATE events SET kind = 'u\(round)' WHERE id % 101 = \(round % 101);
        DELETE FROM events WHERE id % 499 = \(round % 499) AND id NOT IN (SELECT event FROM orders WHERE event IS NOT NULL);
        INSERT INTO events (kind) SELECT 'new' FROM generate_series(1, 20);
        UPDATE orders SET code = 'x' || code, s = 'paid' WHERE id % 97 = \(round % 97);
        UPDATE orders SET id = id + 100000 WHERE id % 997 = \(round % 997) AND id < 100000;
        UPDATE tokens SET body = 'u\(round)' WHERE n % 97 = \(round % 97); DELETE FROM tokens WHERE n % 199 = \(round % 199);
        INSERT INTO tokens (n) SELECT (SELECT max(n) FROM tokens) + n FROM generate_series(1, 20) n;
        BEGIN; UPDATE tokens SET n = -n WHERE n % 89 = \(round % 89); UPDATE tokens SET n = -n WHERE n < 0; COMMIT;
        UPDATE parts SET day = day + 31 WHERE id % 50 = \(round % 50); DELETE FROM parts WHERE id % 61 = \(round % 61);
        INSERT INTO small VALUES (\(round)); DELETE FROM small WHERE a = \(round % 100);
        SELECT lo_put(4711, 0, 'after\(round % 10)'); REFRESH MATERIALIZED VIEW kinds;
        """
    }

    private static let options = ["--chunk-size", "64kB", "--whole-below", "24kB", "--jobs", "3"]

    private let pair: DatabasePair
    private let command: Command
    /// For archives.
    private let folder: String
    private let seed: Int
    private var random: SplitMix
    private var round = 0
    private(set) var kills = 0
    /// By the commands that were run without a kill.
    private(set) var references: [Act: Reference] = [:]

    init(_ pair: DatabasePair, folder: String, seed: Int) {
        self.pair = pair
        self.folder = folder
        self.seed = seed
        random = SplitMix(seed: UInt64(seed))
        command = Command(environment: [
            "TIDEMARK_SOURCE": pair.source.conninfo, "TIDEMARK_TARGET": pair.target.conninfo,
        ])
    }

    /// Plays all acts.
    ///
    /// - Parameter references: Says where to kill; nil: nothing is killed, and ``references`` is filled.
    /// - Throws: What the databases throw.
    mutating func play(_ references: [Act: Reference]?) async throws {
        for act in Act.allCases where act != .restore { try await play(act, references, on: pair) }
        let played = self
        self = try await pair.withAnotherTarget { other in
            var last = played
            try await last.play(.restore, references, on: other)
            return last
        }
    }

    private mutating func play(_ act: Act, _ references: [Act: Reference]?, on pair: DatabasePair) async throws {
        try await prepare(act)
        let command = command.with(["TIDEMARK_TARGET": pair.target.conninfo])
        let arguments = arguments(of: act)
        let place: String
        if let reference = references?[act] {
            var kills = [choose(act, reference)]
            if random.next(upTo: 2) == 0 { kills.append(anywhere(reference)) }
            for kill in kills {
                let outcome = try await run(command, arguments, kill)
                if outcome.code == nil { self.kills += 1 }
                // A kill that came too late leaves a command that has succeeded.
                #expect(
                    outcome.code ?? 0 == 0,
                    "\(self.place(act)) to be killed at \(kill): \(outcome.errors)\(outcome.output)"
                )
                if act.isCompared, random.next(upTo: 4) == 0 {
                    try await judge(command, after: "\(self.place(act)) killed at \(kill)")
                }
                if act.allowsWrites, random.next(upTo: 3) == 0 { try await write() }
            }
            place = "\(self.place(act)) killed at \(kills.map(\.description).joined(separator: ", then at "))"
            let last = try await command.run(arguments, killAfter: nil)
            #expect(last.code == 0, "\(place): \(last.errors)\(last.output)")
        } else {
            place = "\(act)"
            let start = ContinuousClock.now
            let (outcome, points) = try await command.runCounting(arguments)
            #expect(outcome.code == 0, "\(place): \(outcome.errors)\(outcome.output)")
            self.references[act] = Reference(points: points, duration: start.duration(to: .now))
        }
        // The old side's are left as they were.
        if act == .back { try await pair.source.run("REFRESH MATERIALIZED VIEW kinds") }
        if act.provesEqual {
            let found = try await differences(of: pair)
            #expect(found == [], "\(place)")
        }
    }

    private func place(_ act: Act) -> String { "seed \(seed): \(act)" }

    /// `verify` says that both sides are equal exactly when they are.
    private func judge(_ command: Command, after place: String) async throws {
        let verdict = try await command.run("verify", "--quiet")
        let found = try await differences(of: pair)
        // A kill between a refresh and the note of it leaves a view that is only said to be old.
        let isDoubted = verdict.output.contains("since it was refreshed")
        #expect(
            (verdict.code == 0) == found.isEmpty || isDoubted,
            "\(place): \(found.prefix(5)) \(verdict.output)\(verdict.errors)"
        )
    }

    private func run(_ command: Command, _ arguments: [String], _ kill: Kill) async throws -> Command.Outcome {
        switch kill {
        case .at(let point, let time): try await command.run(arguments, killAt: point, time: time)
        case .after(let delay): try await command.run(arguments, killAfter: delay)
        }
    }

    /// The next place of an act: every seed takes another one.
    private mutating func choose(_ act: Act, _ reference: Reference) -> Kill {
        let points = StatusPoint.allCases.filter { reference.points[$0] != nil }
        // Two of the choices are random moments.
        let choice = (seed + (Act.allCases.firstIndex(of: act) ?? 0)) % (points.count + 2)
        guard choice < points.count else { return anywhere(reference) }
        return .at(points[choice], time: 1 + random.next(upTo: reference.points[points[choice]] ?? 1))
    }

    private mutating func anywhere(_ reference: Reference) -> Kill {
        .after(.milliseconds(20) + reference.duration * (Double(random.next(upTo: 1000)) / 1000))
    }

    // MARK: Acts

    private func arguments(of act: Act) -> [String] {
        switch act {
        case .precopy, .precopyAgain: ["precopy"] + Self.options
        case .rehearsal: ["cutover", "--rehearse"] + Self.options
        case .cutover, .cutoverAgain: ["cutover"] + Self.options
        case .rebuild: ["rebuild"]
        case .rebuildConcurrently: ["rebuild", "--concurrently"]
        case .back: ["back", "--source", pair.target.conninfo, "--target", pair.source.conninfo]
        case .dump, .dumpAgain: ["dump", "--archive", "\(folder)/deltas"] + Self.options
        case .merge: ["archive", "merge", "--archive", "\(folder)/deltas", "--into", "\(folder)/merged"]
        case .restore: ["restore", "--archive", "\(folder)/merged"]
        }
    }

    private mutating func write(on database: TestDatabase? = nil) async throws {
        round += 1
        try await (database ?? pair.source).run(Self.writes(round))
    }

    /// What happens before an act.
    private mutating func prepare(_ act: Act) async throws {
        switch act {
        case .precopy, .merge, .restore: return
        case .precopyAgain, .rehearsal, .cutover, .dump: try await write()
        case .cutoverAgain, .dumpAgain:
            try await write()
            try await pair.source.run(
                "ALTER TABLE events ADD \(act.rawValue) text DEFAULT 'none'; CREATE INDEX ON tokens (body, n); CREATE VIEW \(act.rawValue) AS SELECT n FROM tokens"
            )
        case .rebuild, .rebuildConcurrently:
            try await pair.target.run(
                """
                DROP INDEX events_kind; ALTER TABLE orders DROP CONSTRAINT orders_event_fkey;
                ALTER TABLE tokens DROP CONSTRAINT tokens_pkey; DROP INDEX parts_v_idx
                """
            )
        case .back: try await write(on: pair.target)
        }
    }

    // MARK: Comparing

    private static let others = [
        "large objects": "SELECT oid || ' ' || encode(lo_get(oid), 'escape') FROM pg_largeobject_metadata ORDER BY oid",
        "materialized view": "SELECT k::text FROM kinds k ORDER BY 1",
        "validity": """
        SELECT indexrelid::regclass || ' ' || indisvalid FROM pg_index
        WHERE indrelid >= 16384 AND indrelid::regclass::text !~ '^(tidemark|pg_toast)' ORDER BY 1
        """,
    ]

    /// What differs between both sides.
    private func differences(of pair: DatabasePair) async throws -> [String] {
        var found = try await pair.differingTables().map { "rows of \($0)" } + pair.differingDefinitions()
        for (what, query) in Self.others {
            // A view that is not filled cannot be read.
            let sides = [try await pair.source.column(query), (try? await pair.target.column(query)) ?? ["unreadable"]]
            if sides[0] != sides[1] { found.append("\(what): \(sides)") }
        }
        let unknown =
            "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm') AND relispopulated AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = c.oid)"
        for table in try await pair.target.column(unknown)
        where try await pair.target.value("SELECT EXISTS (SELECT FROM \(table))") == "t" {
            found.append("no statistics of \(table)")
        }
        let position = "SELECT last_value + is_called::int FROM events_id_seq"
        let positions = [try await pair.source.value(position), try await pair.target.value(position)].compactMap(
            Int.init
        )
        if positions.count != 2 || positions[0] > positions[1] { found.append("the sequence: \(positions)") }
        return found
    }
}
