"""Promotions for tests: awards for slips of `SlipFactory`, in plain dictionaries."""

import random
from typing import Any

from slips import seeded_uuid

EVENT_TYPE = "casino.promotion.awarded.v1"


def promotion(
    rng: random.Random, slip: dict[str, Any], campaign: str = "campaign", **terms: object
) -> dict[str, Any]:
    """Return a campaign's award for a slip; `terms` are its multiplier or its bonus."""
    return {
        "specversion": "1.0",
        "id": seeded_uuid(rng),
        "source": "/casino/campaigns",
        "type": EVENT_TYPE,
        "time": slip["time"],
        "data": {
            "casino_id": slip["data"]["casino_id"],
            "rating_slip_id": slip["data"]["rating_slip_id"],
            "campaign_id": campaign,
            **(terms or {"bonus_points": 100}),
        },
    }
