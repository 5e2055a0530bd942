-- Locks: none on existing tables.
--
-- Events that wait, whole: a promotion whose slip is not known yet, or any event of a casino that
-- is switched off. The columns of the event are those that posting needs; kind tells which.
-- outcome is null while the event waits. headers: as in dead_letter.
CREATE TABLE parked_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    broker_timestamp timestamptz,
    record_hash bytea NOT NULL
        CONSTRAINT parked_event_record_hash_is_sha256 CHECK (octet_length(record_hash) = 32),
    consumer_group text NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    kind text NOT NULL CONSTRAINT parked_event_kind_known
        CHECK (kind IN ('rating_slip_closed', 'promotion')),
    cause text NOT NULL CONSTRAINT parked_event_cause_known
        CHECK (cause IN ('awaiting_accrual', 'accrual_disabled')),
    event_source text NOT NULL,
    event_id text NOT NULL,
    casino_id uuid NOT NULL,
    rating_slip_id uuid NOT NULL,
    campaign_id text,
    promo_multiplier numeric,
    bonus_points bigint,
    idempotency_key uuid NOT NULL,
    occurred_at timestamptz,
    parked_at timestamptz NOT NULL DEFAULT now(),
    waiting_since timestamptz NOT NULL DEFAULT now(),
    outcome text CONSTRAINT parked_event_outcome_known
        CHECK (outcome IN ('accrued', 'duplicate', 'skipped', 'dead_lettered')),
    released_at timestamptz,
    purged_at timestamptz,
    CONSTRAINT parked_event_released_has_time CHECK ((outcome IS NULL) = (released_at IS NULL))
);

CREATE UNIQUE INDEX parked_event_record_once
    ON parked_event (topic, partition, "offset", record_hash);

CREATE INDEX parked_event_of_slip
    ON parked_event (casino_id, rating_slip_id, id) WHERE outcome IS NULL;

CREATE INDEX parked_event_by_kind ON parked_event (kind, id) WHERE outcome IS NULL;

CREATE INDEX parked_event_awaiting
    ON parked_event (waiting_since) WHERE outcome IS NULL AND cause = 'awaiting_accrual';

GRANT SELECT ON parked_event TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT ON parked_event TO loyalty_worker;
GRANT UPDATE (cause, waiting_since, outcome, released_at, key, value, headers, purged_at)
ON parked_event TO loyalty_worker;
GRANT UPDATE (key, value, headers, purged_at) ON parked_event TO loyalty_operator;

-- When a casino was switched off: such time does not count for what expires.
CREATE TABLE accrual_pause (
    casino_id uuid NOT NULL,
    paused_at timestamptz NOT NULL DEFAULT now(),
    resumed_at timestamptz,
    PRIMARY KEY (casino_id, paused_at)
);

CREATE UNIQUE INDEX accrual_pause_open ON accrual_pause (casino_id) WHERE resumed_at IS NULL;

GRANT SELECT ON accrual_pause TO loyalty_worker, loyalty_operator, loyalty_readonly;
GRANT INSERT, UPDATE (resumed_at) ON accrual_pause TO loyalty_operator;
