import json
from decimal import Decimal
from pathlib import Path

import pytest

from events import binary, structured
from loyalty_worker.consumers.decoder import PromotionDecoder, SlipDecoder, TopicDecoders
from loyalty_worker.domain.events import DecodeReason, PromotionAwarded, Undecodable
from loyalty_worker.ports import Fault
from loyalty_worker.resources import resource_folder

EXAMPLES = resource_folder("schemas") / "promotion" / "examples"
REASONS = {
    "undecodable": DecodeReason.EVENT_UNDECODABLE,
    "id-missing": DecodeReason.EVENT_ID_MISSING,
    "type-unknown": DecodeReason.EVENT_TYPE_UNKNOWN,
    "schema": DecodeReason.EVENT_SCHEMA_INVALID,
}
VIOLATIONS = {
    "bonus-points-fraction": "/data/bonus_points type",
    "bonus-points-negative": "/data/bonus_points minimum",
    "bonus-points-string": "/data/bonus_points type",
    "bonus-points-too-large": "/data/bonus_points maximum",
    "campaign-id-absent": "/data/campaign_id required",
    "campaign-id-blank": "/data/campaign_id not",
    "campaign-id-empty": "/data/campaign_id minLength",
    "campaign-id-has-control-character": "/data/campaign_id pattern",
    "campaign-id-is-number": "/data/campaign_id type",
    "campaign-id-too-long": "/data/campaign_id maxLength",
    "casino-id-absent": "/data/casino_id required",
    "casino-id-without-hyphens": "/data/casino_id pattern",
    "data-absent": "/data required",
    "duplicate-key": "an object has the same key twice",
    "promo-multiplier-is-boolean": "/data/promo_multiplier type",
    "promo-multiplier-negative": "/data/promo_multiplier minimum",
    "promo-multiplier-seven-decimals": "/data/promo_multiplier multipleOf",
    "promo-multiplier-string-nan": "/data/promo_multiplier pattern",
    "promo-multiplier-too-large": "/data/promo_multiplier maximum",
    "rating-slip-id-absent": "/data/rating_slip_id required",
    "time-without-offset": "/time format",
}


def examples(pattern: str) -> list[Path]:
    return sorted(EXAMPLES.glob(pattern))


@pytest.fixture(scope="module")
def decoder() -> PromotionDecoder:
    return PromotionDecoder()


@pytest.mark.parametrize("path", examples("ok-*.json"), ids=lambda path: path.stem)
def test_a_good_example_is_the_same_award_in_both_modes(
    path: Path, decoder: PromotionDecoder
) -> None:
    whole = decoder(structured(path.read_bytes()))
    assert isinstance(whole, PromotionAwarded)
    assert decoder(binary(path.read_bytes())) == whole


@pytest.mark.parametrize("path", examples("bad-*.json"), ids=lambda path: path.stem)
def test_a_bad_example_is_refused_for_the_reason_in_its_name(
    path: Path, decoder: PromotionDecoder
) -> None:
    decoded = decoder(structured(path.read_bytes()))
    assert isinstance(decoded, Undecodable)
    name = path.stem.removeprefix("bad-")
    (kind,) = [kind for kind in REASONS if name.startswith(kind)]
    assert decoded.reason is REASONS[kind]
    if kind == "schema":
        place, _, rule = VIOLATIONS[name.removeprefix("schema-")].partition(" ")
        text = f"{place} breaks the schema's rule {rule}" if place.startswith("/") else None
        assert decoded.detail == (text or VIOLATIONS[name.removeprefix("schema-")])


def test_every_expected_violation_has_its_example() -> None:
    stems = {path.stem.removeprefix("bad-schema-") for path in examples("bad-schema-*.json")}
    assert stems == set(VIOLATIONS)


def test_every_member_of_the_schema_is_read() -> None:
    schema = json.loads((EXAMPLES.parent / "v1.schema.json").read_bytes())
    members = set(schema["$defs"]["promotion"]["properties"])
    assert members <= set(PromotionAwarded.__slots__)


def test_a_multiplier_never_passes_through_binary_floating_point(
    decoder: PromotionDecoder,
) -> None:
    text = (EXAMPLES / "ok-multiplier.json").read_text()
    for written in ("1.1", '"1.1"', "11e-1"):
        decoded = decoder(structured(text.replace(": 2\n", f": {written}\n").encode()))
        assert isinstance(decoded, PromotionAwarded)
        assert decoded.promo_multiplier == Decimal("1.1")


def test_kept_records_are_decoded_by_their_topics_decoder(decoder: PromotionDecoder) -> None:
    record = structured((EXAMPLES / "ok-bonus.json").read_bytes())
    assert isinstance(TopicDecoders({record.topic: decoder})(record), PromotionAwarded)
    assert isinstance(TopicDecoders({record.topic: SlipDecoder()})(record), Undecodable)
    with pytest.raises(Fault):
        TopicDecoders({})(record)
