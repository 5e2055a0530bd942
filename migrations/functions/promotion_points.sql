-- The points of a promotion on top of base points: round(base * multiplier) - base, half away from
-- zero, or the bonus. Null where the terms are not usable: exactly one is given, the multiplier
-- at least 1 and of a size for which exact arithmetic stays cheap, the bonus above 0. Not
-- bounded here.
CREATE OR REPLACE FUNCTION promotion_points(
    p_base_points bigint, p_multiplier numeric, p_bonus_points bigint
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN p_bonus_points IS NULL
            AND p_multiplier BETWEEN 1 AND 1e18 AND scale(p_multiplier) <= 40
            THEN round(p_base_points * p_multiplier) - p_base_points
        WHEN p_multiplier IS NULL AND p_bonus_points > 0 THEN p_bonus_points
    END
$$;

REVOKE ALL ON FUNCTION promotion_points(bigint, numeric, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION promotion_points(bigint, numeric, bigint)
TO loyalty_worker, loyalty_staff, loyalty_postgrest;
