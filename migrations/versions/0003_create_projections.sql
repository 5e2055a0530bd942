-- Locks: none on existing tables.
--
-- What the worker learns from events.
CREATE TABLE player (
    id uuid PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- No foreign key leads from here to casino or player: each row would take a shared lock on its
-- casino, one hot row for all workers. The posting function checks that the casino is known.
CREATE TABLE rating_slip (
    casino_id uuid NOT NULL,
    id uuid NOT NULL,
    player_id uuid,
    visit_id uuid NOT NULL,
    visit_kind text NOT NULL CONSTRAINT rating_slip_visit_kind_known CHECK (
        visit_kind IN ('gaming_identified_rated', 'gaming_ghost_unrated', 'reward_identified')
    ),
    table_id uuid,
    game_type text,
    average_bet numeric,
    started_at timestamptz NOT NULL,
    closed_at timestamptz,
    duration_seconds bigint,
    status text NOT NULL CONSTRAINT rating_slip_status_known CHECK (status IN ('open', 'closed')),
    policy_snapshot jsonb,
    gaming_day date,
    facts_hash bytea
        CONSTRAINT rating_slip_facts_hash_is_sha256 CHECK (octet_length(facts_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (casino_id, id),
    CONSTRAINT rating_slip_closed_is_complete CHECK (
        status = 'open'
        OR (closed_at IS NOT NULL AND duration_seconds IS NOT NULL AND average_bet IS NOT NULL)
    )
);
