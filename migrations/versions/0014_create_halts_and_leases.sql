-- Locks: ACCESS EXCLUSIVE on dead_letter for an instant; its rows are neither read nor written.
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
