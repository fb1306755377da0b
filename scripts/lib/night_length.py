"""Measures how long a night is: by the size of a table, the number of rows added to it, and by what counts as proof.

Benchmarks/night-length starts the servers and then this program.
"""

import argparse
import json
import sys

from bench import DATABASE, HERE, ROOT
from nights import NEW_EVENTS, Nights

SIZES = [1_000_000, 4_000_000, 16_000_000]
ADDED = [0, 10_000, 100_000]


class NightLength(Nights):
    def run(self):
        for rows in SIZES:
            rows //= self.options.divisor
            print(f"{rows} events", file=sys.stderr)
            self.psql("source", "postgres", f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
            self.psql("source", DATABASE, variables=[f"rows={rows}"], file=HERE / "events.sql")
            self.prepare(f"{rows}", "ours")
            self.measure(f"{rows}: rehearsal", self.tidemark("cutover", DATABASE, "ours", "--rehearse"))
            # A cutover can be called again, so all nights follow each other on one target.
            for number in range(self.options.rounds):
                for evidence in ["rows", "counters"]:
                    for added in ADDED:
                        if added:
                            self.psql("source", DATABASE, NEW_EVENTS.format(count=added))
                        self.cut_over(f"{rows}, {added} added, {evidence}", DATABASE, "ours", f"--evidence {evidence}")

    def finish(self):
        (ROOT / "Benchmarks" / "results" / f"{self.options.name}.json").write_text(
            json.dumps({"rounds": self.options.rounds, "samples": self.samples}, indent=1) + "\n"
        )
        print(f"{'rows':>10} {'added':>8} {'by rows, s':>12} {'by counters, s':>15}")
        for rows in SIZES:
            rows //= self.options.divisor
            for added in ADDED:
                by = [self.median(f"{rows}, {added} added, {evidence}: cutover") for evidence in ["rows", "counters"]]
                print(f"{rows:10} {added:8} {by[0]:12.2f} {by[1]:15.2f}")


def main():
    parser = argparse.ArgumentParser()
    for name in ["bin", "tidemark", "scratch", "name"]:
        parser.add_argument(f"--{name}", required=True)
    for name in ["source", "target", "rounds", "divisor"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    bench = NightLength(parser.parse_args())
    bench.run()
    bench.finish()


if __name__ == "__main__":
    main()
