"""Measures whole jobs of tidemark and of its peers, one after the other on the same data, and compares medians with the goals.

Benchmarks/goals starts the servers and then this program. It needs only Python's standard library.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time

from bench import DATABASE, HERE, PEER, ROOT, folder_bytes
from distance import Distance
from nights import Nights
from plot import goal, is_met, plot


class Goals(Nights, Distance):
    def raw(self):
        """Copies with psql alone: rows through two binary pipes, then index builds two at a time, then ANALYZE."""
        self.fresh("raw")
        source, target, psql = self.uri("source", DATABASE), self.uri("target", "raw"), self.tool("psql")
        middle = self.psql("source", DATABASE, "SELECT max(id) / 2 FROM events")

        def pipe(query, table):
            return (
                f"{psql} '{source}' -qc \"COPY ({query}) TO STDOUT (FORMAT binary)\" "
                f"| {psql} '{target}' -qc 'COPY {table} FROM STDIN (FORMAT binary)'"
            )

        def build(*statements):
            return f"{psql} '{target}' -q " + " ".join(f'-c "{statement}"' for statement in statements)

        self.measure(
            "raw limit",
            f"{self.tool('pg_dump')} --section=pre-data -s '{source}' | {psql} -q '{target}' >/dev/null",
            f"({pipe(f'SELECT * FROM events WHERE id <= {middle}', 'events')}) & "
            f"({pipe(f'SELECT * FROM events WHERE id > {middle}', 'events')}; {pipe('SELECT * FROM account', 'account')}) & wait",
            build("ALTER TABLE events ADD PRIMARY KEY (id)", "CREATE INDEX ON events (created_at)")
            + " & "
            + build(
                "CREATE INDEX ON events (account_id)",
                "CREATE INDEX ON events (created_at, amount) WHERE kind = 'order'",
                "ALTER TABLE account ADD PRIMARY KEY (id)",
            )
            + " & wait",
            build("ANALYZE"),
        )

    def clone(self):
        if not self.pgcopydb:
            return
        self.fresh("pgcopydb")
        folder = self.scratch / "pgcopydb"
        shutil.rmtree(folder, ignore_errors=True)
        self.measure(
            "pgcopydb clone",
            f"{self.pgcopydb} clone --source {self.url('source', DATABASE)} --target {self.url('target', 'pgcopydb')} "
            f"--table-jobs 2 --index-jobs 2 --split-tables-larger-than 100MB --dir {folder} >/dev/null 2>&1",
            f"{self.tool('psql')} -qc ANALYZE '{self.uri('target', 'pgcopydb')}'",
        )

    def verify(self, into):
        self.measure(
            "full verify",
            f"{self.options.tidemark} verify --full --source '{self.uri('source', DATABASE)}' "
            f"--target '{self.uri('target', into)}' --jobs 2 --quiet",
        )
        compare = "SELECT count(1), sum(hashtext(t::text)::bigint) FROM events t"
        psql = self.tool("psql")
        self.measure(
            "compare data",
            f"{psql} '{self.uri('source', DATABASE)}' -qc '{compare}' & {psql} '{self.uri('target', into)}' -qc '{compare}' & wait",
        )

    def archive(self):
        folder = self.scratch / "archive"
        shutil.rmtree(folder, ignore_errors=True)
        self.measure(
            "dump", f"{self.options.tidemark} dump --archive {folder} --source '{self.uri('source', DATABASE)}' --jobs 2 --quiet"
        )
        self.samples.setdefault("dump: size", []).append({"seconds": folder_bytes(folder) / 1e6})
        for name, option in [("restore", "--no-proof"), ("restore with the proof", "")]:
            self.fresh("restored")
            self.measure(
                name,
                f"{self.options.tidemark} restore --archive {folder} --target '{self.uri('target', 'restored')}' "
                f"--jobs 2 --index-jobs 2 --quiet {option}",
            )
            self.psql("target", "postgres", "DROP DATABASE restored")
        shutil.rmtree(folder)

    def many_tables(self):
        database = "many"
        self.psql("source", "postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        for first in range(1, self.options.tables + 1, 500):
            script = "".join(
                f"CREATE TABLE t{n} (id int PRIMARY KEY, a text NOT NULL, b numeric, c timestamptz);"
                f"CREATE INDEX ON t{n} (a);INSERT INTO t{n} SELECT n, 'v' || n, n / 3.0, now() FROM generate_series(1, 10) n;"
                for n in range(first, min(first + 500, self.options.tables + 1))
            )
            self.psql("source", database, script)
        self.psql("source", database, "VACUUM ANALYZE")
        self.dump_and_restore(database, "many_theirs", name="many tables, pg_dump + pg_restore")
        self.fresh("many_ours")
        self.measure("many tables", self.tidemark("precopy", database, "many_ours"), self.tidemark("cutover", database, "many_ours"))
        self.keep_phases("many tables")
        self.psql("target", "postgres", "DROP DATABASE many_ours", "DROP DATABASE many_theirs")
        self.psql("source", "postgres", f"DROP DATABASE {database}")

    def run(self):
        if self.options.large:
            return self.large()
        for _ in range(20):
            start = time.monotonic()
            subprocess.run([self.options.tidemark, "--help"], check=True, stdout=subprocess.DEVNULL)
            self.samples.setdefault("help", []).append({"seconds": time.monotonic() - start})
        print(f"creating {self.options.rows} events", file=sys.stderr)
        self.psql("source", "postgres", f"CREATE DATABASE {DATABASE}")
        self.psql("source", DATABASE, variables=[f"rows={self.options.rows}"], file=HERE / "events.sql")
        for number in range(1, self.options.rounds + 1):
            print(f"round {number} of {self.options.rounds}", file=sys.stderr)
            self.dump_and_restore(DATABASE, "theirs")
            self.archive()
            self.raw()
            self.clone()
            self.night("unrehearsed", "ours", rehearsed=False)
            self.repeated("unrehearsed", "ours")
            self.verify("ours")
            self.night("rows", "ours")
            self.night("counters", "ours", evidence="counters")
            self.growth()
            if number <= 3:
                self.many_tables()
            if number == 1:
                self.distance()

    # Results

    def rows_of_table(self):
        ratio = self.ratio
        table = [
            ("precopy with indexes and ANALYZE, to pg_dump + pg_restore -j2", 1.6, ratio(PEER, "rows: precopy")),
            ("the same, to pgcopydb clone", 1.1, ratio("pgcopydb clone", "rows: precopy")),
            ("the same, to psql pipes and parallel index builds", 0.95, ratio("raw limit", "rows: precopy")),
            ("first night without a rehearsal, 1 % of 5 million rows, by rows", None, ratio(PEER, "unrehearsed: cutover")),
            ("night, 1 % of 5 million rows, by rows", 6, ratio(PEER, "rows: cutover")),
            ("night, 1 % of 5 million rows, added, by counters", 20, ratio(PEER, "counters: cutover")),
            ("night, 0.1 % of 20 million rows, by rows", 10, self.large_night("20 million", "rows")),
            ("night, 0.1 % of 20 million rows, added, by counters", 100, self.large_night("20 million", "counters")),
            ("the same with cold caches, by rows", 8, self.large_night("20 million, cold", "rows")),
            ("the same with cold caches, by counters", 100, self.large_night("20 million, cold", "counters")),
            ("62 tables 80 ms away, precopy", 4, ratio(f"80 ms away: {PEER}", "80 ms away: precopy")),
            ("62 tables 80 ms away, night", 4, ratio(f"80 ms away: {PEER}", "80 ms away: cutover")),
            ("5,000 small tables, precopy and night", 1, ratio(f"many tables, {PEER}", "many tables")),
            ("full verify, to hashing rows' text on both sides at once", 1.44, ratio("compare data", "full verify")),
            ("dump, to pg_dump -Fd -j2 -Z1", 1.24, ratio(f"{PEER}: dump", "dump")),
            ("restore, to pg_restore -j2 and ANALYZE", 1.45, ratio(f"{PEER}: restore", "restore")),
            ("restore with the proof, to pg_restore -j2 and ANALYZE", None, ratio(f"{PEER}: restore", "restore with the proof")),
        ]
        limits = [
            (f"night by counters at 16 times the rows, table {kind}", most, ratio(f"growth, {kind}, 16x", f"growth, {kind}, 1x"))
            for kind, most in [("grown", 1.2), ("at rest", 1.1), ("partitioned", 1.2)]
        ] + [
            ("second cutover after a stray writer, to the first", 0.5, ratio("unrehearsed: second: cutover", "unrehearsed: cutover")),
            ("probe of a bigint table, cold, to count(*)", 1.3, ratio("probe, bigint: probe", "probe, bigint: count(*)")),
            ("probe of a uuid table, cold, to count(*)", 1.3, ratio("probe, uuid: probe", "probe, uuid: count(*)")),
            ("client's share of all CPU during precopy, %", 10, self.share("rows: precopy")),
            ("client's memory, MB", 64, self.memory()),
            ("tidemark --help, ms", 30, (self.median("help") or 0) * 1000 or None),
        ]
        return (
            [dict(case=case, goal=goal, value=value, atLeast=True) for case, goal, value in table]
            + [dict(case=case, goal=goal, value=value, atLeast=False) for case, goal, value in limits]
        )

    def large_night(self, name, evidence):
        return self.ratio(f"{name}, {PEER}", f"{name}, {evidence}: cutover")

    def share(self, name):
        return 100 * self.median(name, "clientCPU") / self.median(name, "allCPU") if name in self.samples else None

    def memory(self):
        names = ["rows: precopy", "unrehearsed: cutover", "rows: cutover", "counters: cutover", "dump", "restore", "full verify"]
        return max(self.median(name, "memoryMB") or 0 for name in names)

    def with_others(self):
        """Adds the other file's samples: the large case is measured separately and shown in one table with the other jobs."""
        other = {"goals": "large", "large": "goals"}.get(self.options.name)
        file = ROOT / "Benchmarks" / "results" / f"{other}.json"
        others = json.loads(file.read_text()) if other and file.exists() else {}
        self.samples = {**others.get("samples", {}), **self.samples}
        return others

    def finish(self):
        version = subprocess.run([self.tool("postgres"), "--version"], capture_output=True, text=True).stdout.split()[2]
        result = {
            "postgres": version,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
            "rows": 20_000_000 if self.options.large else self.options.rows,
            "rounds": self.options.rounds,
            "tables": self.options.tables,
            "samples": dict(self.samples),
        }
        others = self.with_others()
        table = self.rows_of_table()
        folder = ROOT / "Benchmarks" / "results"
        folder.mkdir(exist_ok=True)
        for name, content in [(self.options.name, result), ("goals" if self.options.large else None, others)]:
            if name and content:
                if name != "large":
                    content["table"] = table
                (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
        if self.options.name in ["goals", "large"]:
            (ROOT / "docs" / "performance.svg").write_text(plot(table))
        print(f"PostgreSQL {version}, {os.cpu_count()} cores, {result['rows']} events, {self.options.rounds} rounds, medians\n")
        print(f"{'case':64} {'goal':>8} {'measured':>9}")
        for row in table:
            if row["value"] is None:
                print(f"{row['case']:64} {goal(row):>8} {'-':>9}")
                continue
            print(f"{row['case']:64} {goal(row):>8} {row['value']:9.2f} {'' if is_met(row) else '  missed'}")
        print(f"\n{'job':64} {'seconds':>8} {'CPU s':>9}")
        for name, samples in self.samples.items():
            if "allCPU" in samples[0] and samples[0]["allCPU"]:
                print(f"{name:64} {self.median(name):8.2f} {self.median(name, 'allCPU'):9.2f}")


def main():
    parser = argparse.ArgumentParser()
    for name in ["bin", "tidemark", "scratch", "name"]:
        parser.add_argument(f"--{name}", required=True)
    for name in ["source", "target", "rows", "rounds", "tables"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--large", action="store_true")
    bench = Goals(parser.parse_args())
    bench.run()
    bench.finish()


if __name__ == "__main__":
    main()
