"""Stores in S3, against a real server process: the behaviour of every store, round trips, and a server that fails."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sweep.ledger import Ledger
from sweep.planning import history
from sweep.results.query import query
from sweep.running import lease
from tests.s3_server import HOST, SILENT, Proxy, Verdict, ask, proxy, s3_server
from tests.unit.test_files import layout, nli, texts, write
from tests.unit.test_ledger import EVALUATION, entry, plan_of
from tests.unit.test_spec import SPEC
from tests.unit.test_store import Behaviour
from trainables.data import open_source
from trainables.errors import UserError
from trainables.features import Feature, FeatureCache
from trainables.mirror import open_folder
from trainables.models.checkpoint import DamagedCheckpoint, MissingCheckpoint, load_checkpoint, save_checkpoint
from trainables.reports import Score
from trainables.store import Store, checkpoint_name

pytestmark = pytest.mark.integration

BIG = b"x" * 20_000_000
"""More than one part of an upload."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an S3 server with one bucket."""
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as port:
        assert ask(port, "PUT", "/bucket")[0] == 200
        yield port


@pytest.fixture
def front(server: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy before the server, to which every S3 client of the test goes: nothing leaves this machine."""
    with proxy(server) as running:
        settings = {
            "AWS_ENDPOINT_URL": f"http://{HOST}:{running.server_port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_CONFIG_FILE": str(tmp_path / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def store(front: Proxy) -> Store:
    """An empty store."""
    return Store(f"s3://bucket/{uuid.uuid4().hex}")


def first(times: int, status: int, part: str) -> Verdict:
    """Fails the first requests that have `part` in their line."""
    left = iter(range(times))
    return lambda request: status if part in request and next(left, None) is not None else None


def always(status: int, part: str = "") -> Verdict:
    """Fails every request that has `part` in its line."""
    return lambda request: status if part in request else None


def let_through(request: str) -> None:
    """Fails nothing."""


class TestS3(Behaviour):
    """The fixture `store` of this module."""


def test_endpoint_and_region_may_stand_in_the_uri(front: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    where = f"endpoint_override={HOST}:{front.server_port}&scheme=http&region=eu-north-1"
    store = Store(f"s3://bucket/in-uri?{where}")
    store.write("a", b"1")
    assert store.root == "bucket/in-uri"
    assert store.filesystem.region == "eu-north-1"
    assert store.read("a") == b"1"
    assert "PUT /bucket/in-uri/a" in front.seen


def test_a_small_file_is_one_put_and_a_big_one_is_read_at_once(store: Store, front: Proxy) -> None:
    store.write("small", b"1")
    assert [request.split()[0] for request in front.seen] == ["PUT"]
    store.write("big", BIG)
    front.seen.clear()
    assert store.read("big") == BIG
    assert [request.split()[0] for request in front.seen].count("GET") == 1


def test_a_bucket_that_is_not_there_is_an_error(front: Proxy) -> None:
    with pytest.raises(UserError, match=r"s3://nowhere/x.*NO_SUCH_BUCKET") as caught:
        Store("s3://nowhere/x").check_writable()
    assert "AWS_ENDPOINT_URL" in str(caught.value)


def test_wrong_credentials_are_an_error(store: Store, server: int) -> None:
    ask(server, "POST", "/moto-api/reset-auth", b"0")  # from now on keys are checked
    try:
        with pytest.raises(UserError, match=r"cannot be written.*(INVALID_ACCESS_KEY_ID|ACCESS_DENIED)"):
            store.check_writable()
    finally:
        ask(server, "POST", "/moto-api/reset-auth", b"inf")
    store.check_writable()


@pytest.fixture
def data(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URI of release files, for a machine that has none of them yet."""
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "cache"))
    for language in ("en", "de"):
        store.write(f"xnli/dev-{language}.tsv", f"{language}\ty\tneutral\n".encode())
    return store.uri


def test_data_is_fetched_once_and_is_the_same_as_in_a_folder(data: str, front: Proxy, tmp_path: Path) -> None:
    own = nli(layout(dev=["xnli/dev-{lang}.tsv"]))
    local = write(tmp_path / "local", xnli__dev_en="en\ty\tneutral\n")
    local_path = tmp_path / "local" / "xnli" / "dev.en"
    local_path.rename(local_path.with_name("dev-en.tsv"))
    front.seen.clear()
    for place in (data, f"{data}/"):
        far = open_source({"files": place})
        assert far.languages(own, "dev") == ("en", "de")
        assert far.fingerprint(own, "dev", "en") == local.fingerprint(own, "dev", "en")
        assert texts(far.examples(own, "dev", "en")) == ["en"]
        if place == data:
            assert sum(one.startswith("GET") and "dev-en" in one for one in front.seen) == 1
    assert not any("dev-de" in one for one in front.seen)  # nobody asked for it
    front.seen.clear()
    assert texts(open_source({"files": data}).examples(own, "dev", "en")) == ["en"]
    assert len(front.seen) == 1  # the list


def test_data_that_cannot_be_had_is_refused_with_what_to_do(data: str, front: Proxy, server: int) -> None:
    for place in ("s3://nowhere/data", f"{data}/other"):
        with pytest.raises(UserError, match=rf"NO_SUCH_BUCKET|there is no data under '{place}'"):
            open_folder(place)
    ask(server, "POST", "/moto-api/reset-auth", b"0")  # from now on keys are checked
    try:
        with pytest.raises(UserError, match=r"INVALID_ACCESS_KEY_ID(.|\n)*set AWS_ACCESS_KEY_ID"):
            open_folder(data)
    finally:
        ask(server, "POST", "/moto-api/reset-auth", b"inf")
    front.verdict = always(403)  # what AWS says to those without keys, and to those with others' keys
    with pytest.raises(UserError, match=r"cannot be listed(.|\n)*set AWS_ACCESS_KEY_ID"):
        open_folder(data)


@pytest.mark.parametrize("status", [SILENT, 503])
def test_data_whose_server_does_not_answer_is_an_error_in_time(
    data: str, front: Proxy, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is none of the user's mistakes: in a worker it may pass."""
    monkeypatch.setattr("trainables.mirror.SILENCE", 1.0)
    front.verdict = always(status)
    start = time.monotonic()
    with pytest.raises(OSError, match=rf"data '{data}' cannot be listed(.|\n)*AWS_ENDPOINT_URL"):
        open_folder(data)
    assert time.monotonic() - start < 10


def test_a_file_of_the_data_that_cannot_be_fetched_is_a_fault_that_may_pass(data: str, front: Proxy) -> None:
    source, own = open_source({"files": data}), nli(layout(dev=["xnli/dev-{lang}.tsv"]))
    front.verdict = always(503, "dev-en")
    with pytest.raises(OSError, match=rf"data '{data}', file '.*dev-en.tsv'.*503"):
        source.examples(own, "dev", "en")
    front.verdict = let_through
    assert texts(source.examples(own, "dev", "en")) == ["en"]


def test_weights_come_back(store: Store) -> None:
    weights = {"encoder.a": torch.arange(6.0).reshape(2, 3), "heads.x.b": torch.ones(2, dtype=torch.bfloat16)}
    with pytest.raises(MissingCheckpoint, match=SPEC.trial_id):
        load_checkpoint(store, SPEC.trial_id)
    save_checkpoint(store, SPEC, weights)
    loaded = load_checkpoint(store, SPEC.trial_id)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], one) and loaded[name].dtype == one.dtype for name, one in weights.items())
    content = store.read(checkpoint_name(SPEC.trial_id))
    for damaged in (content[:-1], content[:-1] + b"\1"):
        store.write(checkpoint_name(SPEC.trial_id), damaged)
        with pytest.raises(DamagedCheckpoint, match=SPEC.trial_id):
            load_checkpoint(store, SPEC.trial_id)


def test_the_ledger_is_queried(store: Store) -> None:
    with pytest.raises(UserError, match="there is no store"):
        query(store, "select * from trials")
    ledger = Ledger(store)
    ledger.write(entry(SPEC, objective=None, error="killed"))
    ledger.write(entry(SPEC))
    values = {"de": 60.0, "ru": 50.0}
    scores = [
        Score("xnli", "mnli", language, "dev", "accuracy", True, one, 33.0, 9) for language, one in values.items()
    ]
    ledger.write(entry(EVALUATION, objective=None, scores=tuple(scores)))
    history.keep(store, plan_of(SPEC))
    assert {one.spec.trial_id for one in ledger.outcomes()} >= {SPEC.trial_id}
    assert query(store, "select count(*) n, count(error) e from trials").to_pylist() == [{"n": 2, "e": 0}]
    rows = query(store, "select language, value from scores order by language").to_pylist()
    assert rows == [{"language": "de", "value": 60.0}, {"language": "ru", "value": 50.0}]
    ledger.compact(at_least=1)
    assert {name.split("/")[-1].partition("-")[0] for name in ledger.files()} == {"part"}
    assert query(store, "select language, value from scores order by language").to_pylist() == rows
    part = store.list("ledger/scores")[0]
    store.write(part, store.read(part)[:-1])
    with pytest.raises(UserError, match=rf"{part}: is not a ledger file"):
        query(store, "from scores")


def test_a_store_that_goes_away_while_it_is_asked_is_said(
    store: Store, front: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.store.ATTEMPTS", 2)
    Ledger(store).write(entry(SPEC))
    history.keep(store, plan_of(SPEC))
    impatient = Store(store.uri)
    front.verdict = always(503, f"{SPEC.trial_id}.parquet")
    with pytest.raises(UserError, match=r"503(.|\n)*AWS_ENDPOINT_URL"):
        query(impatient, "from trials")


def test_features_are_made_once_for_all_machines(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make() -> list[list[Feature]]:
        made.append(1)
        return [[Feature([[number, 2]], number) for number in part] for part in (range(60), range(60, 100))]

    def get(machine: str) -> list[int]:
        monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / machine))
        return [int(one.rows[0][0]) for one in FeatureCache(Store(store.uri)).get("key", make)]

    assert get("one") == get("one") == get("two") == list(range(100))
    assert made == [1]
    for machine in ("one", "two"):
        assert (tmp_path / machine / "features" / "key.arrow").read_bytes() == store.read("features/key.arrow")
    store.delete("features/key.arrow")
    assert get("two") == list(range(100))  # from its mirror


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("method", ["PUT", "GET", "HEAD"])
def test_a_server_that_recovers_is_not_noticed(store: Store, front: Proxy, method: str, status: int) -> None:
    store.write("a", b"old")
    front.verdict = first(2, status, method)
    store.write("a", b"new")
    assert store.read("a") == b"new"
    assert store.exists("a")
    assert store.list("b") == []


def test_a_part_of_an_upload_that_fails_is_sent_again(store: Store, front: Proxy) -> None:
    front.verdict = first(2, 503, "partNumber=2")
    store.write("a", BIG)
    assert store.read("a") == BIG


def test_silence_is_ended_and_asked_again(store: Store, front: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainables.store.SILENCE", 1.0)
    impatient = Store(store.uri)
    front.verdict = first(1, SILENT, "PUT")
    impatient.write("a", b"1")
    front.verdict = first(1, SILENT, "GET")
    assert impatient.read("a") == b"1"


def write_in_a_block(store: Store) -> None:
    """The other way to write."""
    with store.writing("a") as file:
        file.write(b"new")


OPERATIONS = {
    "write": lambda store: store.write("a", b"new"),
    "read": lambda store: store.read("a"),
    "exists": lambda store: store.exists("a"),
    "list": lambda store: store.list("b"),
    "delete": lambda store: store.delete("a"),
    "writing": lambda store: write_in_a_block(store),
    "move": lambda store: store.move("a", "c"),
    "size": lambda store: store.size("a"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_server_that_stays_down_is_an_error_within_seconds(store: Store, front: Proxy, operation: str) -> None:
    store.write("a", b"old")
    front.verdict = always(503)
    start = time.monotonic()
    with pytest.raises(OSError, match=rf"store '{store.uri}', file '[ab]'.*503"):
        OPERATIONS[operation](store)
    assert time.monotonic() - start < 20
    front.verdict = let_through
    assert store.read("a") == b"old"


def test_a_server_that_stays_silent_is_an_error(store: Store, front: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("a", b"old")
    monkeypatch.setattr("trainables.store.SILENCE", 1.0)
    impatient = Store(store.uri)
    front.verdict = always(SILENT)
    with pytest.raises(UserError, match=rf"cannot be written: store '{store.uri}', file 'probe'.*Timeout"):
        impatient.check_writable()


def test_a_server_that_is_gone_is_an_error(front: Proxy, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    front.shutdown()
    front.server_close()
    with pytest.raises(UserError, match=rf"cannot be written: store '{store.uri}'.*connect"):
        store.check_writable()


def test_an_upload_that_breaks_off_leaves_no_part_of_it(store: Store, front: Proxy) -> None:
    store.write("b", b"old")
    front.verdict = always(500, "partNumber=2")
    for name in ("a", "b"):
        with pytest.raises(OSError, match=f"file '{name}'"):
            store.write(name, BIG)
    assert any("partNumber=1" in request for request in front.seen)
    front.verdict = let_through
    assert not store.exists("a")
    assert store.read("b") == b"old"


def test_a_file_that_grows_while_it_is_read_is_not_cut(store: Store, front: Proxy) -> None:
    store.write("a", b"old")
    writer = Store(store.uri)
    overwrite = first(1, 1, "GET")

    def verdict(request: str) -> None:
        if overwrite(request):  # between the reader's question for the size and the one for the content
            writer.write("a", b"new and longer")

    front.verdict = verdict
    assert store.read("a") == b"new and longer"


def test_a_store_is_held_by_one_run(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.1)
    monkeypatch.setattr(lease, "SETTLING", 0.1)
    monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "one user"))
    with lease.hold(store, dict, print) as held:
        monkeypatch.setenv("SWEEP_CACHE", str(tmp_path / "another"))
        monkeypatch.setattr(lease.os, "getpid", lambda: 1)  # so that this process is that of another run
        with pytest.raises(UserError, match="another run works on"), lease.hold(Store(store.uri), dict, print):
            pass
        assert not held.lost.is_set()
    assert not store.exists(lease.NAME)
