"""What the measurements share: databases on both servers, and jobs whose time and CPU are recorded."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATABASE = "events"
PEER = "pg_dump + pg_restore"


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

    # Jobs

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

    def tidemark(self, act, database, into, *more):
        jobs = "--jobs 2 --index-jobs 2"
        return (
            f"{self.options.tidemark} {act} --source '{self.uri('source', database)}' "
            f"--target '{self.uri('target', into)}' {jobs} --quiet --report {self.scratch}/report " + " ".join(more)
        )

    def keep_phases(self, name):
        report = json.loads((self.scratch / "report" / "report.json").read_text())
        phases = self.samples.setdefault(f"{name}: phases", [])
        phases.append({phase["name"]: phase["seconds"] for phase in report["phases"]})


    def ratio(self, theirs, *ours):
        """The median of one job divided by the sum of the medians of others; None if one was not measured."""
        theirs = self.median(theirs)
        ours = [self.median(name) for name in ours]
        return theirs / sum(ours) if theirs and all(ours) else None


def machine_cpu():
    """Returns the CPU seconds of all processors since the machine started."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    # Without idle and iowait; user already includes guests.
    return sum(fields[:3] + fields[5:8]) / os.sysconf("SC_CLK_TCK")


def folder_bytes(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
