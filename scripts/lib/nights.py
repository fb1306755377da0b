"""The nights: how long a cutover takes, by the size of the table, of the delta, and by what is read."""

import subprocess
import sys

from bench import DATABASE, HERE, PEER, Bench

# As large as in events.sql: smaller rows would fit into old pages.
NEW_EVENTS = (
    "INSERT INTO events (account_id, kind, payload, body, amount, created_at) "
    "SELECT 1 + n % 10000, 'new', jsonb_build_object('ip', '10.0.0.1', 'n', n, 'tags', ARRAY[n % 10, n % 100]), "
    "repeat('lorem ipsum ', (n % 7)::int), 1, now() FROM generate_series(1, {count}) n"
)


class Nights(Bench):
    def prepare(self, name, into, *more):
        """Copies ahead, builds keys and indexes, and proves ahead."""
        self.fresh(into)
        self.measure(f"{name}: precopy", self.tidemark("precopy", DATABASE, into, "--no-proof", *more))
        self.measure(f"{name}: second precopy, proving ahead", self.tidemark("precopy", DATABASE, into, *more))

    def night(self, name, into, evidence="rows", percent=1.0, rows=None, cold=False, rehearsed=True):
        """Measures all that is done ahead, then a delta and the cutover; by counters, rows are only added."""
        self.prepare(name, into)
        if rehearsed:
            self.measure(f"{name}: rehearsal", self.tidemark("cutover", DATABASE, into, "--rehearse"))
        self.write_delta(evidence == "rows", percent, rows or self.options.rows)
        self.cut_over(name, DATABASE, into, f"--evidence {evidence}", cold=cold)

    def cut_over(self, name, database, into, *more, cold=False):
        if cold:
            drop_caches()
        self.measure(f"{name}: cutover", self.tidemark("cutover", database, into, *more))
        self.keep_phases(f"{name}: cutover")

    def write_delta(self, updates, percent, rows):
        changed = int(rows * percent / 100)
        written = changed * 4 // 5 if updates else changed
        commands = [NEW_EVENTS.format(count=written)]
        if updates:
            # Updates are spread over the newest tenth of the table, as newest rows change most.
            commands.append(
                "UPDATE events SET body = 'updated' WHERE id IN "
                f"(SELECT (random() * {rows} / 10)::bigint + {rows} * 9 / 10 FROM generate_series(1, {changed - written}))"
            )
        self.psql("source", DATABASE, *commands)

    def repeated(self, name, into):
        """Measures another cutover, after a stray writer."""
        self.psql("source", DATABASE, NEW_EVENTS.format(count=100), "UPDATE events SET body = 'late' WHERE id % 50000 = 7")
        self.cut_over(f"{name}: second", DATABASE, into)

    def growth(self):
        """Measures nights by counters for a table, and for one 16 times as large, with the same delta."""
        for kind in ["grown", "at rest", "partitioned"]:
            for size in [1, 16]:
                self.growth_of(kind, size, self.options.rows // 20 * size)

    def growth_of(self, kind, size, rows):
        database = f"growth_{size}"
        columns = "(id bigint PRIMARY KEY, k text NOT NULL, v text)"
        tables = [f"CREATE TABLE t {columns}"]
        if kind == "partitioned":
            bounds = [rows // 16 * part + 1 for part in range(16)] + [10**12]
            tables = [f"CREATE TABLE t {columns} PARTITION BY RANGE (id)"] + [
                f"CREATE TABLE t_{part} PARTITION OF t FOR VALUES FROM ({bounds[part]}) TO ({bounds[part + 1]})" for part in range(16)
            ]
        written = "other" if kind == "at rest" else "t"
        rows_of = "INSERT INTO {table} SELECT n, md5(n::text), repeat(md5(n::text), 3) FROM generate_series({first}, {last}) n"
        self.psql("source", "postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        self.psql(
            "source",
            database,
            f"CREATE TABLE other {columns}",
            *tables,
            rows_of.format(table="t", first=1, last=rows),
            "VACUUM ANALYZE",
        )
        self.fresh(database)
        config = self.scratch / "growth.yaml"
        config.write_text("whole_below: 1MB\n")
        precopy = self.tidemark("precopy", database, database, f"--config {config} --chunk-size 8MB")
        subprocess.run(["bash", "-c", precopy], check=True, stdout=subprocess.DEVNULL)
        self.psql("source", database, rows_of.format(table=written, first=rows + 1, last=rows + 5000))
        name = f"growth, {kind}, {size}x"
        self.measure(name, self.tidemark("cutover", database, database, "--chunk-size 8MB --evidence counters"))
        self.keep_phases(name)
        self.psql("source", "postgres", f"DROP DATABASE {database}")
        self.psql("target", "postgres", f"DROP DATABASE {database}")

    def probe(self, key, expression, rows):
        """Measures the probe of one table, with cold caches, and count(*) with as many connections."""
        database = f"probe_{key}"
        self.psql("source", "postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        self.psql(
            "source",
            database,
            f"CREATE TABLE t (id {key}, v text)",
            f"INSERT INTO t SELECT {expression}, repeat(md5(n::text), 6) FROM generate_series(1, {rows}) n",
            "ALTER TABLE t ADD PRIMARY KEY (id)",
            "VACUUM ANALYZE t",
        )
        self.fresh(database)
        subprocess.run(
            ["bash", "-c", self.tidemark("precopy", database, database)], check=True, stdout=subprocess.DEVNULL
        )
        # If nothing was written, the table would not be probed.
        self.psql("source", database, f"INSERT INTO t SELECT {expression}, 'new' FROM generate_series({rows + 1}, {rows + 1}) n")
        blocks = int(self.psql("source", database, "SELECT pg_relation_size('t') / 8192 / 2"))
        psql, uri = self.tool("psql"), self.uri("source", database)
        drop_caches()
        # The server's own programs and catalogs come back first, as in the phases before the probe. Without jit = off, the
        # planner would have this query compiled, and LLVM's library read from disk takes longer than the table.
        self.psql("source", database, "SELECT count(*) FROM pg_class, pg_attribute WHERE attrelid = pg_class.oid")
        self.measure(
            f"probe, {key}: count(*)",
            f"export PGOPTIONS='-c jit=off'; {psql} '{uri}' -qc \"SELECT count(*) FROM t WHERE ctid < '({blocks},0)'\" & "
            f"{psql} '{uri}' -qc \"SELECT count(*) FROM t WHERE ctid >= '({blocks},0)'\" & wait",
        )
        drop_caches()
        self.cut_over(f"probe, {key}", database, database)
        phases = self.samples[f"probe, {key}: cutover: phases"][-1]
        self.samples.setdefault(f"probe, {key}: probe", []).append({"seconds": phases["delta and whole tables"]})
        self.psql("source", "postgres", f"DROP DATABASE {database}")
        self.psql("target", "postgres", f"DROP DATABASE {database}")

    def large(self):
        """Measures a table of 20 million rows on disk: as it comes, and with caches dropped before each job."""
        rows = 20_000_000
        print(f"creating {rows} events", file=sys.stderr)
        self.psql("source", "postgres", f"CREATE DATABASE {DATABASE}")
        self.psql("source", DATABASE, variables=[f"rows={rows}"], file=HERE / "events.sql")
        for number in range(1, self.options.rounds + 1):
            print(f"round {number} of {self.options.rounds}", file=sys.stderr)
            for name, cold in [("20 million", False), ("20 million, cold", True)]:
                if cold:
                    drop_caches()
                self.dump_and_restore(DATABASE, "theirs", name=f"{name}, {PEER}")
                self.psql("target", "postgres", "DROP DATABASE theirs")
                for evidence in ["rows", "counters"]:
                    self.night(f"{name}, {evidence}", "ours", evidence, percent=0.1, rows=rows, cold=cold)
            self.probe("bigint", "n", 6_000_000)
            self.probe("uuid", "gen_random_uuid()", 6_000_000)


def drop_caches():
    """Empties the operating system's page cache; the servers keep their shared buffers, which are small."""
    subprocess.run(["sync"], check=True)
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
    except PermissionError:
        sys.exit("error: only root may drop the caches: run scripts/bench --large as root")
