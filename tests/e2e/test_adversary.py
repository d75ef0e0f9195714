"""Cameras that are full of secrets, the real node at its most talkative, and a real PACS."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adversary.refusals import (
    cut,
    half_a_jpeg,
    nobody_there,
    promised_frames,
    prose_for_pictures,
    without_study,
    wrong_pixel_description,
)
from tests.adversary.search import Search
from tests.adversary.variants import (
    MASKED,
    N_FRAMES,
    Planted,
    chinese_hevc_in_fragments,
    japanese_transport_stream,
    planted,
    search_beyond,
    utf_8_mp4,
)
from tests.e2e.camera import pictures_of
from tests.e2e.network import PrivateLoopback, wait_until
from tests.e2e.peers import Node, Orthanc

pytestmark = pytest.mark.e2e
SENT = tuple(make for make in MASKED if make is not chinese_hevc_in_fragments)
"""What is left out is sent through the pipeline by a test of its own."""
BY_STORESCU = (utf_8_mp4,)
BY_DCMSEND = (japanese_transport_stream,)
"""All others by a sender with a command set of its own."""
BROKEN = (
    without_study, prose_for_pictures, cut, wrong_pixel_description, half_a_jpeg, nobody_there,
    promised_frames,
)  # fmt: skip
"""Each is refused in another place: on arrival, on decoding, for want of a face."""
COMMANDS = (("jobs",), ("jobs", "--json"), ("doctor", "--json"))


def send(net: PrivateLoopback, port: int, files: dict[Path, Planted]) -> list[str]:
    """Send files with the secrets of their command sets; return the statuses."""
    done = net.run(
        [sys.executable, "-m", "tests.adversary.sender", str(port), *map(str, files),
         "--originators", *(made.move_originator for made in files.values())]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def originals(node: Node) -> set[Path]:
    """Where originals are meant to be, and the key."""
    received = (
        path for folder in ("spool", "incoming", "quarantine")
        for path in (node.state / folder).rglob("*.dcm")
    )  # fmt: skip
    return {*received, *(path for path in (node.state / "keys").iterdir() if path.is_file())}


def test_no_secret_is_found_behind_the_node_or_in_what_it_says(
    orthanc: Orthanc,
    net: PrivateLoopback,
    make_node: Callable[..., Node],
    carphone: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setitem(net._env, "TMPDIR", str(temporary))
    monkeypatch.setitem(net._env, "PYTHONWARNINGS", "always")
    node = make_node('[log]\nlevel = "debug"\n')
    folder = tmp_path / "camera"
    folder.mkdir()

    searches: list[Search] = []
    files: dict[Path, Planted] = {}
    for make in SENT:
        made, content, search = planted(make, carphone)
        searches.append(search)
        path = folder / made.file_name
        path.write_bytes(content)
        if make in BY_STORESCU:
            assert node.storescu(path).returncode == 0
        elif make in BY_DCMSEND:
            assert node.dcmsend(path).returncode == 0
        else:
            files[path] = made
    assert send(net, node.port, files) == ["0000"] * len(files), node.log()
    node.wait_for_states(*["forwarded"] * len(SENT), timeout_s=400)

    broken: dict[Path, Planted] = {}
    for make_broken in BROKEN:
        made, content = make_broken(pictures_of(carphone)[:N_FRAMES])
        path = folder / f"{make_broken.__name__}.dcm"
        path.write_bytes(content)
        searches += search_beyond(made, carphone)[1:]
        broken[path] = made
    statuses = send(net, node.port, broken)
    assert set(statuses) <= {"0000", "C000", "A900", "0122", "none"}
    wait_until(lambda: _all_ended(node), "all jobs to end", 300)
    ended = [str(job.state) for job in node.ledger_jobs()]
    assert ended.count("quarantined") >= 4
    told = [node.dmask(*command) for command in COMMANDS]
    said = "".join(done.stdout + done.stderr for done in told) + node.log()
    node.stop()
    orthanc.stop()

    stored = list((orthanc.folder / "store").rglob("*"))
    assert sum(
        path.is_file() and path.read_bytes()[128:132] == b"DICM" for path in stored
    ) >= 2 * len(SENT)
    kept = originals(node)
    assert len([path for path in kept if path.suffix == ".dcm"]) >= len(SENT)
    search = Search.joined(searches)
    assert search.found_in(said.encode()) == {}
    assert search.found_in_files(orthanc.folder, temporary) == {}
    assert search.found_in_files(node.folder, contents_of=lambda path: path not in kept) == {}
    assert not [path for path in temporary.rglob("*") if path.is_file()], "left behind"


def _all_ended(node: Node) -> bool:
    return all(
        str(job.state) in ("forwarded", "quarantined", "purged") for job in node.ledger_jobs()
    )
