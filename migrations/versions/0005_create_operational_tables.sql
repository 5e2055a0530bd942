-- Locks: none on existing tables.
--
-- A topic that is created again begins a new generation; rows of old ones stay, closed.
CREATE TABLE consumer_progress (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    generation integer NOT NULL
        CONSTRAINT consumer_progress_generation_positive CHECK (generation >= 1),
    first_offset bigint NOT NULL
        CONSTRAINT consumer_progress_first_offset_not_negative CHECK (first_offset >= 0),
    next_offset bigint NOT NULL,
    last_record_offset bigint,
    last_record_hash bytea
        CONSTRAINT consumer_progress_last_record_hash_is_sha256
        CHECK (octet_length(last_record_hash) = 32),
    accrued bigint NOT NULL DEFAULT 0 CHECK (accrued >= 0),
    duplicate bigint NOT NULL DEFAULT 0 CHECK (duplicate >= 0),
    skipped bigint NOT NULL DEFAULT 0 CHECK (skipped >= 0),
    parked bigint NOT NULL DEFAULT 0 CHECK (parked >= 0),
    dead_lettered bigint NOT NULL DEFAULT 0 CHECK (dead_lettered >= 0),
    without_record bigint NOT NULL DEFAULT 0 CHECK (without_record >= 0),
    opened_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    PRIMARY KEY (consumer_group, topic, partition, generation),
    CONSTRAINT consumer_progress_conserves_offsets CHECK (
        next_offset - first_offset
        = accrued + duplicate + skipped + parked + dead_lettered + without_record
    )
);

CREATE UNIQUE INDEX consumer_progress_current
    ON consumer_progress (consumer_group, topic, partition)
    WHERE closed_at IS NULL;

-- headers: [[name, value or null], …] as the worker encodes them. The identity holds the hash
-- because offsets repeat when a topic is created again.
CREATE TABLE dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    broker_timestamp timestamptz,
    record_hash bytea NOT NULL
        CONSTRAINT dead_letter_record_hash_is_sha256 CHECK (octet_length(record_hash) = 32),
    consumer_group text NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    reason text NOT NULL,
    detail text,
    sqlstate text,
    event_id text,
    event_source text,
    casino_id uuid,
    status text NOT NULL DEFAULT 'open' CONSTRAINT dead_letter_status_known
        CHECK (status IN ('open', 'resolved', 'redriven', 'discarded')),
    attempts bigint NOT NULL DEFAULT 1
        CONSTRAINT dead_letter_attempts_positive CHECK (attempts >= 1),
    occurred_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    CONSTRAINT dead_letter_closed_has_time CHECK ((status = 'open') = (closed_at IS NULL))
);

CREATE UNIQUE INDEX dead_letter_record_once
    ON dead_letter (topic, partition, "offset", record_hash);

CREATE INDEX dead_letter_open ON dead_letter (reason, occurred_at) WHERE status = 'open';
