"""The topics on the broker: what is there, and making what is missing; nothing is ever altered."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

_DEADLINE_SECONDS = 30.0
_USUAL_REPLICATION = 3


class KafkaUnavailable(Exception):  # noqa: N818 - a state of the outside, not a mistake here
    """Kafka could not be reached or did not answer; the text says where and what to check."""


class TopicRefusedError(Exception):
    """The broker would not make a topic; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic that should be there; `configuration` is for the broker, by its own names."""

    name: str
    configuration: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic that is there."""

    name: str
    partitions: int
    replication: int


async def existing_topics(
    options: Mapping[str, Any], names: Collection[str]
) -> dict[str, TopicState]:
    """Return those of `names` that exist. `options` are an aiokafka client's.

    Raises `KafkaUnavailable`.
    """
    async with _administration(options) as client:
        return await _existing(client, names)


async def usual_replication(options: Mapping[str, Any]) -> int:
    """Return 3, or the number of brokers where there are fewer. Raises `KafkaUnavailable`.

    The broker's own default cannot be asked for: aiokafka speaks too old a version of the request.
    """
    async with _administration(options) as client:
        cluster = await client.describe_cluster()
    return min(_USUAL_REPLICATION, len(cluster["brokers"]))


async def create_topics(
    options: Mapping[str, Any], specs: Sequence[TopicSpec], partitions: int, replication: int
) -> list[TopicState]:
    """Make the topics, and return how they are now; those that exist stay as they are.

    Raises `KafkaUnavailable` and `TopicRefusedError`.
    """
    async with _administration(options) as client:
        response = await client.create_topics(
            [
                NewTopic(
                    spec.name,
                    num_partitions=partitions,
                    replication_factor=replication,
                    topic_configs=_configuration(spec, replication),
                )
                for spec in specs
            ]
        )
        _refuse_failures(response.topic_errors)
        wanted = [spec.name for spec in specs]
        found = await _existing(client, wanted)
        while found.keys() != set(wanted):
            # metadata follows creation a moment later
            await asyncio.sleep(0.1)
            found = await _existing(client, wanted)
        return [found[name] for name in wanted]


def _configuration(spec: TopicSpec, replication: int) -> dict[str, str]:
    if replication < _USUAL_REPLICATION:
        return dict(spec.configuration)
    # what a producer was told is safe is on two brokers then, and one may be away
    return {"min.insync.replicas": "2", **spec.configuration}


def _refuse_failures(errors: Sequence[Sequence[Any]]) -> None:
    for name, code, *message in errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            told = f": {message[0]}" if message and message[0] else ""
            raise TopicRefusedError(
                f"topic {name}: the broker refused to create it ({error.__name__}{told}); "
                "correct it and run the command again, what was created stays"
            )


async def _existing(client: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, TopicState]:
    # asking for a topic by name could create it, so the list comes first
    known = sorted(set(names) & set(await client.list_topics()))
    if not known:
        return {}
    described = await client.describe_topics(known)
    return {
        topic["topic"]: TopicState(
            topic["topic"],
            len(topic["partitions"]),
            min(len(partition["replicas"]) for partition in topic["partitions"]),
        )
        for topic in described
        if topic["partitions"]
    }


@asynccontextmanager
async def _administration(options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    place = ",".join(options["bootstrap_servers"])
    client = AIOKafkaAdminClient(**options, client_id="loyalty-topics")
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            await client.start()
            yield client
    except TimeoutError:
        raise KafkaUnavailable(
            f"Kafka at {place}: no answer within {_DEADLINE_SECONDS:g} s; "
            "check that its advertised listeners can be reached from here"
        ) from None
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(
            f"Kafka at {place}: {type(error).__name__}; check "
            "LOYALTY_KAFKA_BOOTSTRAP_SERVERS, the security settings, and that the broker runs"
        ) from None
    finally:
        await client.close()
