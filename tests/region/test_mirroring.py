"""What is mirrored, and how MirrorMaker is set up for it. Two regions at work: tests/federation."""

from pathlib import Path

import pytest

from deploy.embedded.mirror_maker import properties
from deploy.federation.neighbours import Doorway, Federation, Neighbour, mirrored_topics
from deploy.federation.running import acquaint
from deploy.federation.status import STOPPED, UP, Digests, LinkStatus, TopicStatus, read_metrics
from shared.contracts.topics import CATALOGUE, POSTS

NORTH = Neighbour("north", "10.0.0.7:9093", "of-north")
EAST = Neighbour("east", "10.0.0.8:9093", "of-east")


def set_up(*neighbours: Neighbour) -> dict[str, str]:
    lines = properties("south", "127.0.0.1:9092", neighbours).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_shared_topics_are_mirrored_and_nothing_else() -> None:
    assert {topic.name for topic in CATALOGUE if topic.mirrored} == {
        topic.name for topic in CATALOGUE if topic.name.startswith("shared.")
    }
    assert all(topic.name.startswith(("shared.", "local.", "dlq.")) for topic in CATALOGUE)


def test_a_copy_is_as_the_catalogue_says_but_takes_whatever_the_neighbour_has() -> None:
    copy = POSTS.mirrored_from("north")
    assert (copy.name, copy.partitions, copy.mirrored) == (f"north.{POSTS.name}", POSTS.partitions, False)
    assert POSTS.config.items() <= copy.config.items()
    assert copy.config["compression.type"] == "uncompressed"
    with pytest.raises(ValueError, match="not mirrored"):
        copy.mirrored_from("south")


def test_what_came_from_many_neighbours_leaves_most_of_the_memory_free() -> None:
    def in_hand(neighbours: int) -> list[int]:
        given = set_up(*(Neighbour(f"n{n}", "10.0.0.7:9093", "password") for n in range(neighbours)))
        return [int(value) for key, value in given.items() if key.endswith("consumer.fetch.max.bytes")]

    assert in_hand(1) == [16 * 1024 * 1024]
    assert [sum(in_hand(neighbours)) for neighbours in (2, 8)] == [32 * 1024 * 1024] * 2


def test_each_neighbour_has_a_copy_of_every_shared_topic() -> None:
    shared = [topic.name for topic in CATALOGUE if topic.mirrored]
    assert [topic.name for topic in mirrored_topics(["north", "east"])] == [
        *(f"north.{name}" for name in shared),
        *(f"east.{name}" for name in shared),
    ]


def test_mirror_maker_pulls_the_listed_topics_and_writes_nothing_at_a_neighbour() -> None:
    told = set_up(NORTH, EAST)
    shared = [topic.name.replace(".", r"\\.") for topic in CATALOGUE if topic.mirrored]
    for neighbour in ("north", "east"):
        assert told[f"{neighbour}->south.enabled"] == "true"
        assert told[f"south->{neighbour}.enabled"] == "false"
        assert told[f"{neighbour}->south.topics"].split(",") == shared
        for name in ("sync.topic.configs", "sync.topic.acls", "emit.heartbeats", "emit.checkpoints"):
            assert told[f"{neighbour}->south.{name}.enabled"] == "false"
        assert told[f"{neighbour}->south.offset-syncs.topic.location"] == "target"
        assert told[f"{neighbour}.consumer.receive.buffer.bytes"] == "-1"


def test_mirror_maker_signs_in_at_each_neighbour_with_what_that_one_gave_us() -> None:
    told = set_up(NORTH, EAST)
    assert 'username="south" password="of-north"' in told["north.sasl.jaas.config"]
    assert 'username="south" password="of-east"' in told["east.sasl.jaas.config"]
    assert "south.sasl.jaas.config" not in told


def test_regions_on_one_machine_know_each_other_and_stay_as_they_were(tmp_path: Path) -> None:
    datas = {region: tmp_path / region for region in ("north", "south")}
    acquaint(datas)
    north, south = (Federation.of(data) for data in datas.values())
    assert north.doorway is not None
    assert south.neighbour("north") == Neighbour("north", north.doorway.place, north.admitted["south"])
    south.linking("north", linked=False).write(datas["south"])
    acquaint(datas)
    assert Federation.of(datas["north"]) == north
    assert Federation.of(datas["south"]) == south.linking("north", linked=False)
    assert (datas["north"] / "federation.json").stat().st_mode & 0o077 == 0


def test_who_left_is_forgotten_and_may_come_back() -> None:
    known = Federation((NORTH, EAST), Doorway("127.0.0.1", 1)).admitting("north").without("north")
    assert (known.regions, known.admitted, known.left) == (("east",), {}, ("north",))
    again = known.joined(NORTH)
    assert (again.regions, again.left) == (("east", "north"), ())


def test_status_takes_from_the_metrics_what_they_say_of_each_neighbour() -> None:
    told = """\
# TYPE peercafe_federation_buckets gauge
peercafe_federation_buckets{region="south",state="same",topic="shared.forum.posts.v1"} 7.0
peercafe_federation_buckets{region="south",state="different",topic="shared.forum.posts.v1"} 2.0
peercafe_federation_buckets{region="east",state="alarmed",topic="shared.forum.posts.v1"} 1.0
# TYPE peercafe_federation_repaired_buckets_total counter
peercafe_federation_repaired_buckets_total{region="south",topic="shared.forum.posts.v1"} 3.0
# TYPE peercafe_federation_refused_records_total counter
peercafe_federation_refused_records_total{reason="home",region="south",topic="shared.forum.posts.v1"} 1.0
peercafe_federation_refused_records_total{reason="id",region="south",topic="shared.forum.posts.v1"} 4.0
# TYPE peercafe_federation_compared_age_seconds gauge
peercafe_federation_compared_age_seconds{region="south",topic="shared.forum.posts.v1"} 12.0
# TYPE peercafe_federation_heard_age_seconds gauge
peercafe_federation_heard_age_seconds{region="south"} 30.0
"""
    digests, heard = read_metrics(told)
    assert digests["south", POSTS.name] == Digests(compared=12, different=2, repaired=3, refused=5)
    assert digests["east", POSTS.name] == Digests(alarmed=1)
    assert heard == {"south": 30}


@pytest.mark.parametrize(
    ("link", "digests", "unconfirmed", "worry"),
    [
        (UP, Digests(behind=1, different=1, repaired=3), 0, None),
        (UP, Digests(), 1, "hasn't confirmed"),
        (UP, Digests(alarmed=1), 0, "had no effect"),
        (UP, Digests(refused=1), 0, "weren't believed"),
        (STOPPED, Digests(), 0, "stopped"),
    ],
)
def test_all_is_well_while_nothing_is_for_an_operator_to_see_to(
    link: str, digests: Digests, unconfirmed: int, worry: str | None
) -> None:
    topic = TopicStatus(POSTS.name, 0, 0.0, digests)
    is_told(LinkStatus("south", link, 1.0, False, [topic], unconfirmed), worry)


@pytest.mark.parametrize(
    ("heard", "seconds", "worry"),
    [
        (None, None, None),
        (1800, 300, None),
        (1860, 0, "last heard 31 minutes ago"),
        (60, 660, "waits there for 11 minutes"),
    ],
)
def test_a_link_that_is_up_and_brings_nothing_is_for_an_operator_to_see_to(
    heard: float | None, seconds: float | None, worry: str | None
) -> None:
    topic = TopicStatus(POSTS.name, 1, seconds)
    is_told(LinkStatus("south", UP, heard, False, [topic]), worry)


def is_told(link: LinkStatus, worry: str | None) -> None:
    """This one worry, or none."""
    assert link.well is (worry is None)
    assert [worry in said for said in link.worries if worry] == ([] if worry is None else [True])
