"""Source and target far away: all connections go through relays that delay what they pass, without a limit of throughput."""

import asyncio
import multiprocessing
import socket
import time

from bench import PEER, Bench

ROUND_TRIP_SECONDS = 0.080
TABLES = 60
ROWS_OF_LARGE_TABLES = 300_000


class Distance(Bench):
    def distance(self):
        """Measures 62 tables, two of them with 300,000 rows, 80 ms away."""
        database = "far"
        self.psql("source", "postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")
        self.psql(
            "source",
            database,
            *[
                f"CREATE TABLE s{n} (id serial PRIMARY KEY, a int, b text, at timestamptz DEFAULT now()); CREATE INDEX ON s{n} (a); "
                f"INSERT INTO s{n} (a, b) SELECT n, 'row ' || n FROM generate_series(1, 200) n"
                for n in range(1, TABLES + 1)
            ],
            *[
                f"CREATE TABLE l{n} (id bigserial PRIMARY KEY, s_id int REFERENCES s{n}, b text, at timestamptz DEFAULT now()); "
                f"INSERT INTO l{n} (s_id, b) SELECT 1 + n % 200, repeat('x', 40) FROM generate_series(1, {ROWS_OF_LARGE_TABLES}) n"
                for n in [1, 2]
            ],
            "VACUUM ANALYZE",
        )
        with Relay(self.options.source) as source, Relay(self.options.target) as target:
            far = FarAway(self, source.port, target.port)
            self.fresh("far_theirs")
            self.measure(
                f"80 ms away: {PEER}",
                f"{self.tool('pg_dump')} -Fc -d '{far.source(database)}' | {self.tool('pg_restore')} -d '{far.target('far_theirs')}'; "
                f"{self.tool('psql')} -qc ANALYZE '{far.target('far_theirs')}'",
            )
            self.fresh("far_ours")
            sides = f"--source '{far.source(database)}' --target '{far.target('far_ours')}' --quiet"
            report = f"--report {self.scratch}/report"
            self.measure("80 ms away: precopy", f"{self.options.tidemark} precopy {sides} {report}")
            self.psql("source", database, "INSERT INTO l1 (s_id, b) SELECT 1, 'new' FROM generate_series(1, 500); UPDATE s3 SET b = 'x' WHERE id = 4")
            self.measure("80 ms away: cutover", f"{self.options.tidemark} cutover {sides} {report}")
            self.keep_phases("80 ms away: cutover")
        self.psql("target", "postgres", "DROP DATABASE far_ours", "DROP DATABASE far_theirs")
        self.psql("source", "postgres", f"DROP DATABASE {database}")


class FarAway:
    def __init__(self, bench, source, target):
        self.bench, self.ports = bench, {"source": source, "target": target}

    def source(self, database):
        return f"host=127.0.0.1 port={self.ports['source']} user=postgres dbname={database}"

    def target(self, database):
        return f"host=127.0.0.1 port={self.ports['target']} user=postgres dbname={database}"


class Relay:
    """A process that passes bytes between a port of its own and a server's, each after half a round trip."""

    def __init__(self, port):
        self.server = port
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = multiprocessing.get_context("fork").Process(target=self.run, daemon=True)

    def run(self):
        asyncio.run(self.serve())

    def __enter__(self):
        self.process.start()
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError("the relay does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.join()

    async def serve(self):
        server = await asyncio.start_server(self.connect, "127.0.0.1", self.port, backlog=200, limit=1 << 22)
        async with server:
            await server.serve_forever()

    async def connect(self, reader, writer):
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.server)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self.delayed(reader, back), self.delayed(there, writer))

    async def delayed(self, reader, writer):
        loop, queue = asyncio.get_running_loop(), asyncio.Queue()

        async def write():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - loop.time()))
                if not data:
                    return writer.close()
                writer.write(data)
                await writer.drain()

        writing = asyncio.create_task(write())
        data = b"-"
        while data:
            try:
                data = await reader.read(1 << 18)
            except ConnectionError:
                data = b""
            queue.put_nowait((loop.time() + ROUND_TRIP_SECONDS / 2, data))
        await asyncio.gather(writing, return_exceptions=True)
