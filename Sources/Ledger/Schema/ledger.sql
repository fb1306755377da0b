-- The ledger: what has been copied, in which state of the source, and what was done. It is in the target, so that the
-- transaction that writes a chunk's rows also commits its ledger row; the record cannot disagree with the rows.
CREATE SCHEMA tidemark;
COMMENT ON SCHEMA tidemark IS 'Ledger of a migration by Tidemark. Removed by: tidemark finish';

-- One row: the run. The client working on it holds `epoch`; raising it fences off all earlier clients.
CREATE TABLE tidemark.run (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    ledger_version integer NOT NULL,
    run_id uuid NOT NULL,
    epoch bigint NOT NULL,
    -- The server process of the client that raised the epoch.
    owner_process integer,
    tool_version text NOT NULL,
    step text NOT NULL,
    pass bigint NOT NULL,
    is_pass_open boolean NOT NULL,
    source jsonb NOT NULL,
    -- The parts of the source that are not copied on request.
    omissions jsonb NOT NULL DEFAULT '[]',
    -- The source's snapshot that the last cutover read.
    cutover_snapshot text,
    -- The target as the last cutover left its rows: a mark of the target itself. Rows written since are others'.
    left_at jsonb,
    -- Whether the foreign keys stay while rows are copied again; the copying sessions then write as replicas do.
    keeps_foreign_keys boolean NOT NULL DEFAULT false,
    -- Whether the last cutover was a rehearsal: the target was not to be opened after it.
    is_rehearsed boolean NOT NULL DEFAULT false,
    -- The last rehearsal that ended as proven: when, and how long its phases took.
    rehearsal jsonb,
    -- The same of the last precopy that ended.
    precopy jsonb,
    -- What the last `tidemark back` has copied back to the source, or tried to: how both sides were left (ReturnEntry).
    returned jsonb,
    -- The archive the rows come from (then `pass` counts its generations); NULL: from the source itself.
    archive text,
    -- Rows of transactions before this one were on the target when it was adopted; NULL: it was not.
    adopted_below xid,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- At most one row of each kind: what workers do now, so that other processes can take part in it (AnnouncedWork). It is void
-- unless `epoch` is the run's. A table of its own, because workers lock the run's row.
CREATE TABLE tidemark.work (
    kind text PRIMARY KEY,
    -- A worker process locks this row in each transaction: what is withdrawn cannot be claimed or committed any more.
    work_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    epoch bigint NOT NULL,
    content jsonb NOT NULL,
    -- Nothing of it can be claimed any more; it is withdrawn when nothing of it is claimed.
    is_closed boolean NOT NULL DEFAULT false,
    announced_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row for each worker process that has joined the run, also for those that have left: events name them.
CREATE TABLE tidemark.worker (
    worker_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- It holds the advisory lock (1953064038, worker_id) in a session of its own: without that, it is gone.
    name text NOT NULL,
    -- When it last asked how the call stands.
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- How many chunks it copies and how many objects it builds at the same time.
    jobs integer NOT NULL,
    index_jobs integer NOT NULL,
    -- How fast it may copy (WorkerShare), as the client that owns the run decides; NULL: nothing yet.
    share jsonb,
    joined_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- At most one row: how fast the client that is at work may copy, as an operator has set it since that call began.
-- max_rate: bytes a second, 0: no limit, NULL: as the command was called. A table of its own, because workers lock the run's row.
CREATE TABLE tidemark.throttle (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    max_rate bigint,
    -- Chunks copied at the same time; NULL: as the command was called.
    jobs integer,
    is_paused boolean NOT NULL DEFAULT false
);

-- One row per table. `definition` is the source's catalog entry that the target follows; drift is compared with it.
CREATE TABLE tidemark.relation (
    relation_id integer PRIMARY KEY,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    definition jsonb NOT NULL,
    treatment text NOT NULL,
    key jsonb,
    format text NOT NULL,
    has_other_unique_keys boolean NOT NULL,
    row_filter text,
    -- Whether the target's table also has rows of others: only those that pass the filter are the run's.
    is_shared boolean NOT NULL DEFAULT false,
    table_bytes bigint NOT NULL,
    estimated_rows bigint NOT NULL,
    -- The rows that were inserted and rolled back to see whether INSERTs work; the server has counted them.
    tried_inserts bigint NOT NULL DEFAULT 0,
    UNIQUE (schema_name, table_name)
);

-- One row per entry of the source's definitions as created on the target, to find later changes.
CREATE TABLE tidemark.definition (
    identity text PRIMARY KEY,
    kind text NOT NULL,
    schema_name text NOT NULL,
    object_name text NOT NULL,
    statement text NOT NULL
);

-- At most one row: the source's definitions in the form of pg_dump's file, and the mark of the source's catalogs from just
-- before. It is used again as long as the mark holds. request: what else the file depends on (versions, role, exclusions).
CREATE TABLE tidemark.definition_file (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    request text NOT NULL,
    mark jsonb NOT NULL,
    content bytea NOT NULL
);

-- One row: the source's catalog when it was last read, so that keys can be rebuilt without the source.
-- enumerations: the enum labels the target has, which may be older.
CREATE TABLE tidemark.catalog (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    content json NOT NULL,
    enumerations jsonb NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- It is never searched, and with thousands of tables it has megabytes: compressing it takes longer than writing it.
ALTER TABLE tidemark.catalog ALTER COLUMN content SET STORAGE EXTERNAL;

-- One row per chunk: a half-open range of its table's key. A NULL bound means unbounded.
-- mark: the snapshot in which the chunk was last read, and the database. NULL until the base is copied.
-- rows: the number of the chunk's rows on the target.
CREATE TABLE tidemark.chunk (
    relation_id integer NOT NULL REFERENCES tidemark.relation,
    chunk_number integer NOT NULL,
    range jsonb NOT NULL,
    -- Declared immutable: never read again once it has a base, but proven with the rest.
    is_immutable boolean NOT NULL DEFAULT false,
    -- Cut from another chunk, because that took too long to read: it is not cut again.
    is_part boolean NOT NULL DEFAULT false,
    -- The target has rows of unknown origin in the range: they are compared, not copied.
    is_adopted boolean NOT NULL DEFAULT false,
    mark jsonb,
    pass bigint NOT NULL DEFAULT 0,
    -- The last pass that moved the mark: the counters kept for that pass were read before the mark's snapshot, and the chunk
    -- has everything they count. 0 if it may have less.
    read_pass bigint NOT NULL DEFAULT 0,
    -- The rows that were inserted and deleted for it on the target in all passes, as the target's server counts them.
    inserted_rows bigint NOT NULL DEFAULT 0,
    deleted_rows bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    -- The chunk has shed what changed up to this snapshot and waits for that many written rows to be loaded.
    shed_snapshot text,
    written_rows bigint,
    -- The proof that its rows were found equal on both sides; NULL if there is none or it is no longer valid.
    proof jsonb,
    -- The last pass that tried to prove it.
    proof_pass bigint NOT NULL DEFAULT 0,
    transaction_id bigint,
    changed_at timestamptz,
    PRIMARY KEY (relation_id, chunk_number)
);

-- The order in which chunks are claimed; used once for each of perhaps tens of thousands. Bases go in key order. Chunks with
-- a base go from the end of the key, where new rows usually are.
CREATE INDEX chunk_due
    ON tidemark.chunk (pass, relation_id, (CASE WHEN mark IS NULL THEN chunk_number ELSE -chunk_number END));
CREATE INDEX chunk_unproven ON tidemark.chunk (proof_pass, relation_id, chunk_number);

-- The base of a table whose keys are scattered over its file, while it is copied: one row per part of the file. Then its
-- chunks get their marks all at once, and these rows go.
CREATE TABLE tidemark.slice (
    relation_id integer NOT NULL REFERENCES tidemark.relation,
    slice_number integer NOT NULL,
    -- Blocks of the source's file, the upper one not included; NULL: to the end.
    lower_block bigint NOT NULL,
    upper_block bigint,
    -- The mark of all slices, taken before the first is read: rows that it does not see are not copied. And its pass.
    mark jsonb NOT NULL,
    pass bigint NOT NULL,
    -- What was copied; NULL: nothing yet.
    rows bigint,
    bytes bigint,
    PRIMARY KEY (relation_id, slice_number)
);

-- The servers' counters of rows written, read before the first snapshot of a pass (on the source), and before its chunks
-- were proven (on the target, with the rows that were written there for each table until then).
CREATE TABLE tidemark.counters (
    pass bigint NOT NULL,
    side text NOT NULL,
    reading jsonb NOT NULL,
    written jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (pass, side)
);

-- One row per materialized view that was refreshed on the target: a digest of what it was made from (refreshable_views.sql), or
-- the pass if something else may decide what it becomes.
CREATE TABLE tidemark.refreshed_view (
    schema_name text NOT NULL,
    view_name text NOT NULL,
    made_from text NOT NULL,
    PRIMARY KEY (schema_name, view_name)
);

-- One row per transaction in which this run may have written rows: its id as rows show it in xmin, without the epoch. Rows of
-- all other transactions are others', and are not deleted.
CREATE TABLE tidemark.own_transaction (
    id bigint PRIMARY KEY
);

-- One row per key, index and constraint to rebuild, with the statements that create it and how many of them are committed.
CREATE TABLE tidemark.object (
    object_id integer PRIMARY KEY,
    relation_id integer REFERENCES tidemark.relation,
    stage integer NOT NULL,
    kind text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    object_name text NOT NULL,
    statements jsonb NOT NULL,
    steps_done integer NOT NULL DEFAULT 0,
    bytes bigint NOT NULL,
    UNIQUE (kind, schema_name, table_name, object_name)
);

-- The order in which objects are claimed; small tables are claimed with all of their objects.
CREATE INDEX object_due ON tidemark.object ((steps_done > 0), stage, bytes DESC, object_id)
    WHERE steps_done < pg_catalog.jsonb_array_length(statements);
CREATE INDEX object_due_of_relation ON tidemark.object (relation_id)
    WHERE steps_done < pg_catalog.jsonb_array_length(statements);

-- The audit trail: every change, how long it took and how it ended.
CREATE TABLE tidemark.event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    epoch bigint NOT NULL,
    pass bigint NOT NULL,
    kind text NOT NULL,
    relation_id integer,
    chunk_number integer,
    subject text,
    rows bigint,
    removed_rows bigint,
    bytes bigint,
    milliseconds bigint,
    -- The worker process that did it; NULL: the client that owns the run.
    worker_id integer
);
CREATE INDEX event_of_workers ON tidemark.event (epoch) WHERE worker_id IS NOT NULL;

REVOKE ALL ON SCHEMA tidemark FROM PUBLIC
