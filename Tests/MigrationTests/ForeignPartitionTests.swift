import Report
import TestSupport
import Testing
import Tidemark

@Suite struct `A foreign table whose server is out of reach` {
    /// ANALYZE of a table above reads it.
    @Test func `does not keep a cutover from its end`() async throws {
        try await DatabasePair.with { pair in
            guard try await pair.source.hasExtension("postgres_fdw"), try await pair.target.hasExtension("postgres_fdw")
            else { return }
            try await pair.source.run(
                """
                CREATE EXTENSION postgres_fdw;
                CREATE SERVER archive FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'archive');
                CREATE USER MAPPING FOR CURRENT_USER SERVER archive OPTIONS (user 'x');
                CREATE TABLE event (id int, v text) PARTITION BY RANGE (id);
                CREATE FOREIGN TABLE event_old PARTITION OF event FOR VALUES FROM (0) TO (1000) SERVER archive;
                CREATE TABLE event_now PARTITION OF event DEFAULT; ALTER TABLE event_now ADD PRIMARY KEY (id);
                INSERT INTO event SELECT n + 1000, repeat('v', 100) FROM generate_series(1, 2000) n
                """
            )
            for report in [try await pair.migration().precopy(), try await pair.migration().cutover()] {
                #expect(report.outcome == .done, "\(report.text)")
                #expect(
                    report.text.contains("when its foreign tables can be read: ANALYZE public.event"),
                    "\(report.text)"
                )
            }
            #expect(try await pair.target.value("SELECT count(*) FROM pg_stats WHERE tablename = 'event_now'") == "2")
        }
    }
}
