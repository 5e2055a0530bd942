-- Locks: none on existing tables.
--
-- What people provision: casinos, their staff, their settings, the known formula versions.
CREATE TABLE casino (
    id uuid PRIMARY KEY,
    name text NOT NULL CONSTRAINT casino_name_not_blank CHECK (btrim(name) <> ''),
    status text NOT NULL DEFAULT 'active'
        CONSTRAINT casino_status_known CHECK (status IN ('active', 'inactive')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE staff (
    casino_id uuid NOT NULL REFERENCES casino ON DELETE RESTRICT,
    id uuid NOT NULL,
    role text NOT NULL
        CONSTRAINT staff_role_known CHECK (role IN ('dealer', 'cashier', 'pit_boss', 'admin')),
    status text NOT NULL DEFAULT 'active'
        CONSTRAINT staff_status_known CHECK (status IN ('active', 'inactive')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (casino_id, id)
);

CREATE TABLE casino_settings (
    casino_id uuid PRIMARY KEY REFERENCES casino ON DELETE RESTRICT,
    max_overdraw_points_per_redeem bigint NOT NULL DEFAULT 5000
        CONSTRAINT casino_settings_overdraw_cap_in_range
        CHECK (max_overdraw_points_per_redeem BETWEEN 0 AND 1000000000000),
    max_redeem_points_per_txn bigint NOT NULL DEFAULT 20000
        CONSTRAINT casino_settings_redeem_cap_in_range
        CHECK (max_redeem_points_per_txn BETWEEN 0 AND 1000000000000),
    accrual_enabled boolean NOT NULL DEFAULT true,
    -- An unknown zone would fail every batch of the casino: evaluating it here refuses it.
    timezone text NOT NULL DEFAULT 'UTC'
        CONSTRAINT casino_settings_timezone_known
        CHECK ((timestamptz '2000-01-01 00:00:00+00' AT TIME ZONE timezone) IS NOT NULL),
    gaming_day_start time NOT NULL DEFAULT '06:00',
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The rules in force: a casino without settings has the defaults. This view is the one place
-- where functions look them up; a test holds its defaults against those of the columns.
CREATE VIEW casino_rules WITH (security_invoker = true) AS
SELECT
    c.id AS casino_id,
    coalesce(s.max_overdraw_points_per_redeem, 5000) AS max_overdraw_points_per_redeem,
    coalesce(s.max_redeem_points_per_txn, 20000) AS max_redeem_points_per_txn,
    coalesce(s.accrual_enabled, true) AS accrual_enabled,
    coalesce(s.timezone, 'UTC') AS timezone,
    coalesce(s.gaming_day_start, time '06:00') AS gaming_day_start
FROM casino AS c
LEFT JOIN casino_settings AS s ON s.casino_id = c.id;

CREATE TABLE loyalty_policy_version (
    policy_version text PRIMARY KEY,
    rounding text NOT NULL
        CONSTRAINT loyalty_policy_version_rounding_known CHECK (rounding = 'half_away_from_zero'),
    created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO loyalty_policy_version (policy_version, rounding)
VALUES ('loyalty_points_v1', 'half_away_from_zero');

ANALYZE loyalty_policy_version;
