"""Seeded traffic at a bounded rate: slips, duplicates of both kinds, garbage, and promotions."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

from aiokafka import AIOKafkaProducer

from parts.topics import publisher, send
from reckoning import points_of
from slips import Message, SlipFactory, message, same_slip_other_event, seeded_uuid

_PLAYERS = 60
_CHUNK = 20


class Traffic:
    """One casino's messages without end; the seed decides everything but the publishing's pace.

    A third of the rated slips have one promotion, half of them before their slip.
    `awards` is what they must post: points by slip and campaign, `points` by player.
    """

    def __init__(self, seed: int, topic: str, promotion_topic: str) -> None:
        self.topic = topic
        self.promotion_topic = promotion_topic
        self.awards: dict[tuple[str, str], int] = {}
        self.points: Counter[str] = Counter()
        self.published = 0
        self._factory = SlipFactory(seed, _PLAYERS)
        self._rng = self._factory.rng
        self._past: list[dict[str, Any]] = []

    @property
    def casino_id(self) -> str:
        """The casino, to be provisioned first."""
        return self._factory.casino_id

    @asynccontextmanager
    async def flowing(self, kafka: str, per_second: int) -> AsyncIterator[None]:
        """Publish within the context; at its end everything is acknowledged by the broker."""
        ending = asyncio.Event()
        async with publisher(kafka) as producer:
            publishing = asyncio.create_task(self._publish(producer, per_second, ending))
            try:
                yield
                ending.set()
                await publishing
            finally:
                publishing.cancel()

    async def _publish(
        self, producer: AIOKafkaProducer, per_second: int, ending: asyncio.Event
    ) -> None:
        held_back: list[Message] = []
        while not ending.is_set():
            slips, early, late = self._chunk()
            # a held-back promotion follows its slip, an early one comes before it
            await self._send(producer, self.promotion_topic, early + held_back)
            await self._send(producer, self.topic, slips)
            held_back = late
            await asyncio.sleep(len(slips) / per_second)
        await self._send(producer, self.promotion_topic, held_back)

    async def _send(self, producer: AIOKafkaProducer, topic: str, messages: list[Message]) -> None:
        if messages:
            await send(producer, topic, messages)
            self.published += len(messages)

    def _chunk(self) -> tuple[list[Message], list[Message], list[Message]]:
        rng = self._rng
        slips: list[Message] = []
        early: list[Message] = []
        late: list[Message] = []
        for _ in range(_CHUNK):
            kind = rng.random()
            if kind < 0.02:
                slips.append(garbage(self._factory, rng))
            elif kind < 0.15 and self._past:
                slips.append(message(rng.choice(self._past)))
            elif kind < 0.20 and self._past:
                slips.append(message(same_slip_other_event(rng.choice(self._past), rng)))
            elif kind < 0.25:
                slips.append(self._remember(self._factory.ghost()))
            else:
                event = self._factory.event()
                slips.append(self._remember(event))
                if rng.random() < 1 / 3:
                    (early if rng.random() < 0.5 else late).append(self._promotion(event))
        return slips, early, late

    def _remember(self, event: dict[str, Any]) -> Message:
        self._past.append(event)
        return message(event)

    def _promotion(self, slip: dict[str, Any]) -> Message:
        rng, facts = self._rng, slip["data"]
        campaign, bonus = f"campaign-{rng.randrange(5)}", rng.randrange(1, 1000)
        terms: dict[str, Any] = {"bonus_points": bonus}
        points = bonus
        if rng.random() < 0.5:
            multiplier = rng.choice(["1.25", "1.5", "2"])
            terms, base = {"promo_multiplier": multiplier}, points_of(facts)
            points = int(base * Fraction(multiplier) + Fraction(1, 2)) - base
        self.awards[facts["rating_slip_id"], campaign] = points
        self.points[facts["player_id"]] += points
        event = {
            "specversion": "1.0",
            "id": seeded_uuid(rng),
            "source": "/casino/campaigns",
            "type": "casino.promotion.awarded.v1",
            "time": slip["time"],
            "data": {
                "casino_id": facts["casino_id"],
                "rating_slip_id": facts["rating_slip_id"],
                "campaign_id": campaign,
                **terms,
            },
        }
        return Message(facts["rating_slip_id"].encode(), json.dumps(event).encode())


def garbage(factory: SlipFactory, rng: random.Random) -> Message:
    """Return a record that can never succeed, of one of three kinds."""
    kind = rng.randrange(3)
    if kind == 0:
        return Message(b"key", rng.randbytes(40))
    if kind == 1:
        return Message(b"key", None)
    event = factory.event()
    event["data"]["average_bet"] = -1
    return Message(b"key", json.dumps(event).encode())
