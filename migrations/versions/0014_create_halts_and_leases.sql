-- Locks: ACCESS EXCLUSIVE on dead_letter while three partial indexes are built, each of which reads
-- the table once: about a second for a million letters. Batches wait so long.
--
-- Not CONCURRENTLY: that waits for whatever transaction is open in the database, a backup's too, and
-- an upgrade from below 0012 posts nothing until functions/ is applied.
--
-- What stops a topic for a group until a person ends it. Ended halts stay, for the record.
CREATE TABLE consumer_halt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    halted_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    ended_by text,
    end_reason text,
    CONSTRAINT consumer_halt_end_is_explained CHECK (
        (ended_at IS NULL AND ended_by IS NULL AND end_reason IS NULL)
        OR (ended_at IS NOT NULL AND ended_by IS NOT NULL AND end_reason IS NOT NULL)
    )
);

CREATE UNIQUE INDEX consumer_halt_open
    ON consumer_halt (consumer_group, topic)
    WHERE ended_at IS NULL;

GRANT SELECT ON consumer_halt TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT (consumer_group, topic, partition, "offset", reason, detail)
ON consumer_halt TO loyalty_worker;
GRANT UPDATE (ended_at, ended_by, end_reason) ON consumer_halt TO loyalty_operator;

-- Duties that one process has at a time.
CREATE TABLE worker_lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    expires_at timestamptz NOT NULL
);

GRANT SELECT ON worker_lease TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT, UPDATE, DELETE ON worker_lease TO loyalty_worker;

-- copied_at: null while a copy is due, also for the letters of before. copy_read_at: when the
-- relay read what it copies; null again where the letter changed since.
ALTER TABLE dead_letter
    ADD COLUMN copied_at timestamptz,
    ADD COLUMN copy_read_at timestamptz,
    ADD COLUMN redrives bigint NOT NULL DEFAULT 0,
    ADD COLUMN quarantined boolean NOT NULL DEFAULT false,
    ADD COLUMN purged_at timestamptz,
    ADD COLUMN discard_reason text;

-- The relay asks twice a second which letters have no copy yet, oldest first.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX dead_letter_copy_due ON dead_letter (id) WHERE copied_at IS NULL;

-- Each batch asks which of its records a person set aside.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX dead_letter_quarantined
    ON dead_letter (topic, partition, "offset") WHERE quarantined;

-- Redrive pages through open letters by id, past all that are closed.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX dead_letter_open_by_id ON dead_letter (id) WHERE status = 'open';

-- Every worker counts what waits by its cause, for its metrics, every few seconds.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX parked_event_by_cause ON parked_event (cause) WHERE outcome IS NULL;

-- A letter that is refused again, or whose purged record comes again, takes the newest bytes.
GRANT UPDATE (key, value, headers, redrives, copied_at, copy_read_at, purged_at)
ON dead_letter TO loyalty_worker;

-- A person discards letters, sets a record aside as one, and empties what is settled.
GRANT INSERT (
    topic, partition, "offset", broker_timestamp, record_hash, consumer_group, key, value, headers,
    reason, detail, quarantined
) ON dead_letter TO loyalty_operator;
GRANT UPDATE (
    key, value, headers, reason, detail, sqlstate, status, closed_at, copied_at, copy_read_at,
    quarantined, purged_at, discard_reason
) ON dead_letter TO loyalty_operator;

-- Where records are lost, an operator begins to count a partition anew.
GRANT INSERT (consumer_group, topic, partition, generation, first_offset, next_offset)
ON consumer_progress TO loyalty_operator;
GRANT UPDATE (updated_at, closed_at) ON consumer_progress TO loyalty_operator;
