"""Measures whole jobs of tidemark and of its peers, one after the other on the same data, and compares medians with the goals.

Benchmarks/goals starts the servers and then this program. It needs only Python's standard library.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

DATABASE = "events"
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Bench:
    def __init__(self, options):
        self.options = options
        self.samples = {}
        self.scratch = Path(options.scratch)
        self.pgcopydb = shutil.which("pgcopydb")

    # Databases

    def uri(self, side, database):
        port = self.options.source if side == "source" else self.options.target
        return f"host=127.0.0.1 port={port} user=postgres dbname={database}"

    def url(self, side, database):
        port = self.options.source if side == "source" else self.options.target
        return f"postgres://postgres@127.0.0.1:{port}/{database}"

    def tool(self, name):
        return f"{self.options.bin}/{name}"

    def psql(self, side, database, *commands, variables=(), file=None):
        arguments = [self.tool("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        arguments += [f"--set={variable}" for variable in variables]
        arguments += [f"--command={command}" for command in commands]
        if file:
            arguments.append(f"--file={file}")
        done = subprocess.run(
            arguments + [f"--dbname={self.uri(side, database)}"], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        return done.stdout.strip()

    def fresh(self, *databases):
        for database in databases:
            self.psql("target", "postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")

    # Measuring

    def measure(self, name, *steps):
        """Runs shell commands in turn and records seconds, the client's CPU and memory, and the CPU of the whole machine."""
        self.psql("target", "postgres", "CHECKPOINT")
        machine, start = machine_cpu(), time.monotonic()
        client, memory = 0.0, 0
        for step in steps:
            process = subprocess.Popen(["bash", "-c", "set -euo pipefail; " + step], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if os.waitstatus_to_exitcode(status) != 0:
                sys.exit(f"error: {name}: failed: {step}")
            client += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss)
        sample = {
            "seconds": time.monotonic() - start,
            "clientCPU": client,
            "allCPU": machine_cpu() - machine,
            "memoryMB": memory / 1024,
        }
        self.samples.setdefault(name, []).append(sample)
        print(f"  {name}: {sample['seconds']:.2f} s", file=sys.stderr)
        return sample["seconds"]

    def median(self, name, value="seconds"):
        samples = self.samples.get(name)
        return statistics.median(sample[value] for sample in samples) if samples else None

    # The jobs

    def dump_and_restore(self, database, into, name="pg_dump + pg_restore"):
        folder = self.scratch / "pg_dump"
        shutil.rmtree(folder, ignore_errors=True)
        self.fresh(into)
        dump = self.measure(
            f"{name}: dump",
            f"{self.tool('pg_dump')} -Fd -j2 -Z1 -f {folder} -d '{self.uri('source', database)}'",
        )
        restore = self.measure(
            f"{name}: restore",
            f"{self.tool('pg_restore')} -j2 -d '{self.uri('target', into)}' {folder}; "
            f"{self.tool('psql')} -qc ANALYZE '{self.uri('target', into)}'",
        )
        size = folder_bytes(folder)
        shutil.rmtree(folder)
        self.samples.setdefault(name, []).append({"seconds": dump + restore, "clientCPU": 0, "allCPU": 0, "memoryMB": 0})
        self.samples.setdefault(f"{name}: size", []).append({"seconds": size / 1e6})

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

    def tidemark(self, act, database, into, *more):
        jobs = "--jobs 2 --index-jobs 2"
        return (
            f"{self.options.tidemark} {act} --source '{self.uri('source', database)}' "
            f"--target '{self.uri('target', into)}' {jobs} --quiet --report {self.scratch}/report " + " ".join(more)
        )

    def night(self, name, into, treatment=None, updates=True, percent=1.0, rows=None):
        """Measures base, keys and indexes, then the proof ahead, then a delta and the cutover."""
        self.fresh(into)
        config = self.scratch / "tidemark.yaml"
        config.write_text(f"tables:\n  public.events:\n    treatment: {treatment}\n" if treatment else "")
        option = f"--config {config}" if treatment else ""
        self.measure(f"{name}: precopy", self.tidemark("precopy", DATABASE, into, "--no-proof", option))
        self.measure(f"{name}: second precopy, proving ahead", self.tidemark("precopy", DATABASE, into, option))
        self.write_delta(updates, percent, rows or self.options.rows)
        self.measure(f"{name}: cutover", self.tidemark("cutover", DATABASE, into))
        self.keep_phases(f"{name}: cutover")

    def keep_phases(self, name):
        report = json.loads((self.scratch / "report" / "report.json").read_text())
        phases = self.samples.setdefault(f"{name}: phases", [])
        phases.append({phase["name"]: phase["seconds"] for phase in report["phases"]})

    def write_delta(self, updates, percent, rows):
        changed = int(rows * percent / 100)
        written = changed * 4 // 5 if updates else changed
        # As large as in events.sql: smaller rows would fit into old pages.
        commands = [
            "INSERT INTO events (account_id, kind, payload, body, amount, created_at) "
            "SELECT 1 + n % 10000, 'new', jsonb_build_object('ip', '10.0.0.1', 'n', n, 'tags', ARRAY[n % 10, n % 100]), "
            f"repeat('lorem ipsum ', (n % 7)::int), 1, now() FROM generate_series(1, {written}) n"
        ]
        if updates:
            # Updates are spread over the newest tenth of the table, as newest rows change most.
            commands.append(
                "UPDATE events SET body = 'updated' WHERE id IN "
                f"(SELECT (random() * {rows} / 10)::bigint + {rows} * 9 / 10 FROM generate_series(1, {changed - written}))"
            )
        self.psql("source", DATABASE, *commands)

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

    def growth(self):
        """Measures the cutover of a table, and of one 16 times as large, with the same delta."""
        for treatment in ["append_only", "immutable_below"]:
            for size in [1, 16]:
                database, rows = f"growth_{size}", self.options.rows // 20 * size
                self.psql("source", "postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
                self.psql(
                    "source",
                    database,
                    "CREATE TABLE t (id bigint PRIMARY KEY, k text NOT NULL, v text)",
                    f"INSERT INTO t SELECT n, md5(n::text), repeat(md5(n::text), 3) FROM generate_series(1, {rows}) n",
                    "VACUUM ANALYZE t",
                )
                self.fresh(database)
                declared = f"treatment: delta\n    immutable_below: {rows}" if treatment != "append_only" else f"treatment: {treatment}"
                config = self.scratch / "growth.yaml"
                config.write_text(f"tables:\n  public.t:\n    {declared}\n")
                precopy = self.tidemark("precopy", database, database, f"--config {config} --chunk-size 8MB")
                subprocess.run(["bash", "-c", precopy], check=True, stdout=subprocess.DEVNULL)
                self.psql(
                    "source",
                    database,
                    f"INSERT INTO t SELECT n, md5(n::text), 'new' FROM generate_series({rows + 1}, {rows + 5000}) n",
                )
                self.measure(
                    f"growth, {treatment}, {size}x", self.tidemark("cutover", database, database, "--chunk-size 8MB")
                )
                self.keep_phases(f"growth, {treatment}, {size}x")
                self.psql("source", "postgres", f"DROP DATABASE {database}")
                self.psql("target", "postgres", f"DROP DATABASE {database}")

    def large(self):
        rows = 20_000_000
        print(f"creating {rows} events", file=sys.stderr)
        self.psql("source", "postgres", f"CREATE DATABASE {DATABASE}")
        self.psql("source", DATABASE, variables=[f"rows={rows}"], file=HERE / "events.sql")
        for number in range(1, self.options.rounds + 1):
            print(f"round {number} of {self.options.rounds}", file=sys.stderr)
            self.dump_and_restore(DATABASE, "theirs", name="20 million, pg_dump + pg_restore")
            self.psql("target", "postgres", "DROP DATABASE theirs")
            for name, treatment in [("20 million, probed", None), ("20 million, append-only", "append_only")]:
                self.night(name, "ours", treatment=treatment, updates=treatment is None, percent=0.1, rows=rows)

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
            self.night("probed", "ours")
            self.verify("ours")
            self.night("append-only", "ours", treatment="append_only", updates=False)
            self.growth()
            if number <= 3:
                self.many_tables()

    # Results

    def rows_of_table(self):
        def ratio(theirs, *ours):
            theirs = self.median(theirs)
            ours = [self.median(name) for name in ours]
            return theirs / sum(ours) if theirs and all(ours) else None

        peer = "pg_dump + pg_restore"
        table = [
            ("precopy with indexes and ANALYZE, to pg_dump + pg_restore -j2", 1.6, ratio(peer, "probed: precopy")),
            ("the same, to pgcopydb clone", 1.1, ratio("pgcopydb clone", "probed: precopy")),
            ("the same, to psql pipes and parallel index builds", 0.95, ratio("raw limit", "probed: precopy")),
            ("night with the proof, 1 % delta, probed", 20, ratio(peer, "probed: cutover")),
            ("night with the proof, 1 % delta, append-only", 30, ratio(peer, "append-only: cutover")),
            ("night, 0.1 % of 20 million rows, probed", 40, ratio(f"20 million, {peer}", "20 million, probed: cutover")),
            ("night, 0.1 % of 20 million rows, append-only", 100, ratio(f"20 million, {peer}", "20 million, append-only: cutover")),
            ("many small tables, precopy and night", 1.5, ratio(f"many tables, {peer}", "many tables")),
            ("full verify, to hashing rows' text on both sides at once", 3, ratio("compare data", "full verify")),
            ("dump, to pg_dump -Fd -j2 -Z1", 1.5, ratio(f"{peer}: dump", "dump")),
            ("restore, to pg_restore -j2 and ANALYZE", 1.0, ratio(f"{peer}: restore", "restore")),
            ("restore with the proof, to pg_restore -j2 and ANALYZE", None, ratio(f"{peer}: restore", "restore with the proof")),
        ]
        limits = [
            ("night's cost at 16 times the rows, append-only", 1.3, ratio("growth, append_only, 16x", "growth, append_only, 1x")),
            ("night's cost at 16 times the rows, immutable", 1.3, ratio("growth, immutable_below, 16x", "growth, immutable_below, 1x")),
            ("client's share of all CPU during precopy, %", 10, self.share("probed: precopy")),
            ("client's memory, MB", 64, self.memory()),
            ("tidemark --help, ms", 30, (self.median("help") or 0) * 1000 or None),
        ]
        return (
            [dict(case=case, goal=goal, value=value, atLeast=True) for case, goal, value in table]
            + [dict(case=case, goal=goal, value=value, atLeast=False) for case, goal, value in limits]
        )

    def share(self, name):
        return 100 * self.median(name, "clientCPU") / self.median(name, "allCPU") if name in self.samples else None

    def memory(self):
        names = ["probed: precopy", "probed: cutover", "append-only: cutover", "dump", "restore", "full verify"]
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


def is_met(row):
    if row["goal"] is None:
        return True
    return row["value"] >= row["goal"] if row["atLeast"] else row["value"] <= row["goal"]


def goal(row):
    if row["goal"] is None:
        return "-"
    return f"{'>=' if row['atLeast'] else '<='} {row['goal']:g}"


def machine_cpu():
    """Returns the CPU seconds of all processors since the machine started."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    # Without idle and iowait; user already includes guests.
    return sum(fields[:3] + fields[5:8]) / os.sysconf("SC_CLK_TCK")


def folder_bytes(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def plot(table):
    """Draws the ratios as bars with a mark at each goal, on a logarithmic scale because their goals reach 100."""
    import math
    from html import escape

    bars = [row for row in table if row["atLeast"] and row["value"]]
    left, width, height, line = 430, 330, 22, 30
    low, high = 0.25, 128

    def x(value):
        return left + width * math.log(max(low, min(high, value)) / low) / math.log(high / low)

    parts = []
    for tick in [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]:
        parts.append(f'<line class="grid" x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="34" y2="{40 + line * len(bars)}"/>')
        parts.append(f'<text class="tick" x="{x(tick):.1f}" y="28">{tick:g}</text>')
    for index, row in enumerate(bars):
        y = 42 + line * index
        start, end = sorted([x(1), x(row["value"])])
        kind = "met" if is_met(row) else "missed"
        parts.append(f'<text class="case" x="{left - 12}" y="{y + 15}">{escape(row["case"])}</text>')
        parts.append(f'<rect class="{kind}" x="{start:.1f}" y="{y}" width="{max(1, end - start):.1f}" height="{height}"/>')
        # Next to the goal's mark, not under it.
        mark = x(row["goal"]) if row["goal"] else None
        label = max(end, mark) if mark and -4 < mark - end < 40 else end
        parts.append(f'<text class="value" x="{label + 6:.1f}" y="{y + 15}">{row["value"]:.2f}</text>')
        if mark:
            parts.append(f'<line class="goal" x1="{mark:.1f}" x2="{mark:.1f}" y1="{y - 3}" y2="{y + height + 3}"/>')
    total = 60 + line * len(bars)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {total}" font-family="sans-serif" font-size="12">
<style>
  svg {{ background: #fff }} text {{ fill: #222 }} .case {{ text-anchor: end }} .tick {{ text-anchor: middle; fill: #666 }}
  .grid {{ stroke: #ddd }} .met {{ fill: #2a7f62 }} .missed {{ fill: #c98a2b }} .goal {{ stroke: #222; stroke-width: 2 }}
</style>
<text x="{left}" y="12">times as fast as the peer (line: the goal)</text>
{chr(10).join(parts)}
</svg>
"""


def main():
    parser = argparse.ArgumentParser()
    for name in ["bin", "tidemark", "scratch", "name"]:
        parser.add_argument(f"--{name}", required=True)
    for name in ["source", "target", "rows", "rounds", "tables"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--large", action="store_true")
    bench = Bench(parser.parse_args())
    bench.run()
    bench.finish()


if __name__ == "__main__":
    main()
