"""The pipeline is given objects full of secrets; nobody finds one in what it leaves."""

import tempfile
import traceback
from pathlib import Path
from typing import Final

import av
import pytest

from dmask_node.errors import DmaskError
from tests.adversary.adapter import Masker
from tests.adversary.refusals import MAY_BE_MASKED, REFUSED, MakeFile
from tests.adversary.variants import (
    MASKED,
    N_FRAMES,
    Make,
    japanese_transport_stream,
    latin_1_mpeg_2,
    planted,
    raw_h264_in_fragments,
    search_beyond,
)
from tests.e2e.camera import pictures_of

_LEFT_OUT: Final = (japanese_transport_stream, latin_1_mpeg_2, raw_h264_in_fragments)
IN_PROCESS: Final = tuple(make for make in MASKED if make not in _LEFT_OUT)
"""The others are close to these; the test of the whole node sends all."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where libraries put what they need for a moment."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def source_file(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("make", IN_PROCESS, ids=[make.__name__ for make in IN_PROCESS])
def test_no_secret_survives_the_mask(
    make: Make,
    masker: Masker,
    carphone: Path,
    tmp_path: Path,
    temporary: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made, content, search = planted(make, carphone)
    source = source_file(tmp_path, made.file_name, content)
    out, journal = tmp_path / "out", tmp_path / "journal"
    out.mkdir()
    outgoing = masker.mask(source, out, journal)

    assert len(outgoing) >= 2
    assert search.found_in_files(out, journal, temporary) == {}
    told = capfd.readouterr()
    assert search.found_in((told.out + told.err).encode()) == {}
    assert list(temporary.iterdir()) == [], "something was left behind"
    assert source.read_bytes() == content, "the original is not touched"
    movie = out / "masked.mp4"
    if made.n_frames > 1:
        with av.open(str(movie)) as container:
            assert [stream.type for stream in container.streams] == ["video"]
            assert sum(1 for _ in container.decode(video=0)) == made.n_frames


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_a_refusal_tells_no_secret(
    make: MakeFile,
    masker: Masker,
    carphone: Path,
    tmp_path: Path,
    temporary: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    made, content = make(pictures_of(carphone)[:N_FRAMES])
    searches = search_beyond(made, carphone)
    source = source_file(tmp_path, made.file_name, content)
    out, journal = tmp_path / "out", tmp_path / "journal"
    out.mkdir()
    told = ""
    try:
        masker.mask(source, out, journal)
        masked = True
    except DmaskError as error:
        masked = False
        notes = getattr(error, "__notes__", [])
        told = "\n".join([str(error), repr(error), error.reason, error.hint, *notes])
        told += "".join(traceback.format_exception(error)).replace(str(tmp_path), "")
    assert not masked or make in MAY_BE_MASKED
    printed = capfd.readouterr()
    told += printed.out + printed.err
    for search in searches:
        assert search.found_in(told.encode()) == {}
        assert search.found_in_files(out, journal, temporary) == {}
    assert list(temporary.iterdir()) == []
