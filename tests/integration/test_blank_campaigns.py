"""The schema and the database must agree on which text says nothing."""

import json
import re
from typing import Any

from events import structured
from loyalty_worker.consumers.decoder import PromotionDecoder
from loyalty_worker.domain.events import PromotionAwarded
from loyalty_worker.embedded.logins import DatabaseUrls
from loyalty_worker.resources import resource_folder
from sqltools import connected

_CONTROL = {*range(0x20), *range(0x7F, 0xA0)}
_CHARACTERS = {*range(0xD800), *range(0xE000, 0x20000)} - _CONTROL
_TOPIC = resource_folder("schemas") / "promotion"


async def test_a_campaign_of_one_character_is_blank_for_both_or_for_neither(
    database: DatabaseUrls,
) -> None:
    schema = json.loads((_TOPIC / "v1.schema.json").read_bytes())
    pattern = re.compile(schema["$defs"]["blank"]["pattern"])
    published = {number for number in _CHARACTERS if pattern.search(chr(number))}
    async with connected(database.superuser) as connection:
        blank = await connection.fetchval(
            "SELECT array_agg(n) FROM unnest($1::int[]) AS n WHERE is_blank(chr(n))",
            sorted(_CHARACTERS),
        )
    assert published == set(blank)
    decode = PromotionDecoder()
    event: dict[str, Any] = json.loads((_TOPIC / "examples" / "ok-bonus.json").read_bytes())
    for number in published:
        event["data"]["campaign_id"] = chr(number)
        decoded = decode(structured(json.dumps(event).encode()))
        assert not isinstance(decoded, PromotionAwarded), hex(number)
