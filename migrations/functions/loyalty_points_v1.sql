-- The formula loyalty_points_v1, exact: everything is multiplied first and divided once.
-- p_house_edge is in percent. points = round(theo * rate), half away from zero, 0 for theo <= 0;
-- not bounded here. theo has four decimals, for people to read, and is never an input.
CREATE OR REPLACE FUNCTION loyalty_points_v1(
    p_average_bet numeric,
    p_house_edge numeric,
    p_decisions_per_hour numeric,
    p_duration_seconds bigint,
    p_points_conversion_rate numeric,
    OUT theo numeric,
    OUT points numeric
)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- theo * 360000: percent (100) times seconds per hour (3600)
    v_theo_scaled numeric := p_average_bet * p_house_edge * p_decisions_per_hour
        * p_duration_seconds;
BEGIN
    theo := round(v_theo_scaled / 360000, 4);
    points := CASE
        WHEN v_theo_scaled > 0
        THEN div(2 * v_theo_scaled * p_points_conversion_rate + 360000, 720000)
        ELSE 0
    END;
END
$$;

REVOKE ALL ON FUNCTION loyalty_points_v1(numeric, numeric, numeric, bigint, numeric) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION loyalty_points_v1(numeric, numeric, numeric, bigint, numeric)
TO loyalty_worker, loyalty_staff, loyalty_postgrest, loyalty_operator, loyalty_readonly;
