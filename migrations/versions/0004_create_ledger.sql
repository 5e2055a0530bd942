-- Locks: none on existing tables.
CREATE TYPE loyalty_reason AS ENUM (
    'base_accrual', 'promotion', 'redeem', 'manual_reward', 'adjustment', 'reversal'
);

-- No foreign key leads to casino, player or slip: a shared lock on one hot row per batch, and a
-- way to reach entries from outside. Only a reversal points at an entry, and may not outlive it.
CREATE TABLE loyalty_ledger (
    casino_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    player_id uuid NOT NULL,
    entry_no bigint NOT NULL CONSTRAINT loyalty_ledger_entry_no_positive CHECK (entry_no >= 1),
    points_delta bigint NOT NULL CONSTRAINT loyalty_ledger_points_delta_in_range
        CHECK (points_delta BETWEEN -1000000000000 AND 1000000000000),
    balance_after bigint NOT NULL CONSTRAINT loyalty_ledger_balance_after_in_range
        CHECK (balance_after BETWEEN -1000000000000 AND 1000000000000),
    reason loyalty_reason NOT NULL,
    rating_slip_id uuid,
    visit_id uuid,
    staff_id uuid,
    campaign_id text,
    reversed_ledger_id uuid,
    source_kind text,
    source_id uuid,
    idempotency_key uuid NOT NULL,
    payload_hash bytea NOT NULL
        CONSTRAINT loyalty_ledger_payload_hash_is_sha256 CHECK (octet_length(payload_hash) = 32),
    note text,
    metadata jsonb NOT NULL DEFAULT '{}',
    gaming_day date,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (casino_id, id),
    CONSTRAINT loyalty_ledger_reversed_entry_exists
        FOREIGN KEY (casino_id, reversed_ledger_id) REFERENCES loyalty_ledger (casino_id, id)
        ON UPDATE RESTRICT ON DELETE RESTRICT,
    -- A null defeats a unique index: what the indexes below tell apart must be there.
    CONSTRAINT loyalty_ledger_slip_is_source CHECK (
        reason NOT IN ('base_accrual', 'promotion')
        OR (
            source_kind IS NOT NULL AND source_kind = 'rating_slip'
            AND source_id IS NOT NULL AND rating_slip_id IS NOT NULL
            AND source_id = rating_slip_id
        )
    ),
    CONSTRAINT loyalty_ledger_promotion_names_campaign
        CHECK (reason <> 'promotion' OR coalesce(btrim(campaign_id), '') <> ''),
    CONSTRAINT loyalty_ledger_reversal_names_entry
        CHECK ((reason = 'reversal') = (reversed_ledger_id IS NOT NULL)),
    CONSTRAINT loyalty_ledger_sign_fits_reason CHECK (
        CASE reason
            WHEN 'base_accrual' THEN points_delta >= 0
            WHEN 'promotion' THEN points_delta >= 0
            WHEN 'redeem' THEN points_delta < 0
            WHEN 'manual_reward' THEN points_delta > 0
            ELSE true
        END
    ),
    CONSTRAINT loyalty_ledger_person_explains CHECK (
        reason IN ('base_accrual', 'promotion')
        OR (coalesce(btrim(note), '') <> '' AND staff_id IS NOT NULL)
    )
);

CREATE UNIQUE INDEX loyalty_ledger_base_accrual_once
    ON loyalty_ledger (casino_id, source_kind, source_id, reason)
    WHERE reason = 'base_accrual';

CREATE UNIQUE INDEX loyalty_ledger_promotion_once
    ON loyalty_ledger (casino_id, source_kind, source_id, campaign_id)
    WHERE reason = 'promotion';

CREATE UNIQUE INDEX loyalty_ledger_idempotency_key_once
    ON loyalty_ledger (casino_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

CREATE UNIQUE INDEX loyalty_ledger_reversal_once
    ON loyalty_ledger (casino_id, reversed_ledger_id)
    WHERE reason = 'reversal';

CREATE UNIQUE INDEX loyalty_ledger_statement
    ON loyalty_ledger (casino_id, player_id, entry_no)
    INCLUDE (points_delta, balance_after);

-- A cache of the ledger, and the lock under which a player's entries are numbered. Its balance has
-- no range check: a wrong cache must show as drift and must not stop postings. The player is
-- written after the balance row was locked, hence the deferred foreign key.
CREATE TABLE player_loyalty (
    casino_id uuid NOT NULL,
    player_id uuid NOT NULL REFERENCES player ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
    current_balance bigint NOT NULL DEFAULT 0,
    entry_count bigint NOT NULL DEFAULT 0,
    tier text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (casino_id, player_id)
);

-- The key does not lead with the casino, as elsewhere: what an operator does to a topic or a
-- partition is audited too and belongs to no casino.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    casino_id uuid,
    domain text NOT NULL,
    action text NOT NULL,
    actor_id uuid,
    actor_name text,
    correlation_id text,
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX audit_log_of_casino ON audit_log (casino_id, created_at);
