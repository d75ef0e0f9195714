"""Nothing is sent but what the last gate has let pass: by type and by folder."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import dmask_node
from dmask_node.records.jobs import StoredOutput
from dmask_node.spool.store import OutputDamaged, Spool

PACKAGE = Path(dmask_node.__file__).parent
CONTENT = b"masked"


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of a name in the package, with the file it stands in."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                found = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                if found == name:
                    yield file.relative_to(PACKAGE).as_posix(), node


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, file
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_only_the_gate_makes_gated_studies() -> None:
    assert {file for file, _ in calls("GatedStudy")} == {"check/outgoing.py"}


def test_the_gate_takes_over_nothing_from_the_rooms_it_judges() -> None:
    for file in sorted((PACKAGE / "check").glob("*.py")):
        ours = {name for name in imports(file) if name.split(".")[0] == "dmask_node"}
        allowed = ("dmask_node.check.", "dmask_node.records.")
        others = {name for name in ours if not name.startswith(allowed)}
        assert others <= {"dmask_node.errors", "dmask_node.version"}, file


def test_the_worker_sends_only_what_the_store_of_gated_objects_gives() -> None:
    made = [call for file, call in calls("Outgoing") if file == "worker.py"]
    assert made
    for call in made:
        [path] = [keyword.value for keyword in call.keywords if keyword.arg == "path"]
        assert isinstance(path, ast.Call)
        assert isinstance(path.func, ast.Attribute)
        assert path.func.attr == "require_output"


def test_nobody_but_the_worker_and_two_commands_sends() -> None:
    """`dmask send` and the demonstration are cameras: they send a person's own file to a node."""
    senders = {file for file, _ in calls("Outgoing")}
    assert senders == {"worker.py", "cli/network.py", "demo/camera_node_archive.py"}


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    def digest(value: str) -> str:
        return hashlib.sha256(value.encode()).hexdigest()

    return Spool(tmp_path / "state", digest, lambda *_: None)


def output(file: str) -> StoredOutput:
    return StoredOutput(
        audience="default@archive",
        role="video",
        file=file,
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.4",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
    )


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)
    return path


def test_a_gated_object_is_given(spool: Spool) -> None:
    path = put(spool.gated / "key" / "default@archive" / "video.dcm")
    assert spool.require_output(output("gated/key/default@archive/video.dcm")) == path


@pytest.mark.parametrize(
    "file",
    [
        "gated/../spool/key.dcm",
        "gated/key/../../spool/key.dcm",
        "spool/key.dcm",
        "quarantine/key/object.dcm",
        "masked/key/video.dcm",
        "work/key/video.dcm",
        "gated-too/key.dcm",
        "../outside.dcm",
    ],
)
def test_a_file_elsewhere_is_not_sent(spool: Spool, file: str) -> None:
    put(Path(f"{spool.state_dir}/{file}").resolve())
    (spool.gated / "key").mkdir(exist_ok=True)
    with pytest.raises(OutputDamaged):
        spool.require_output(output(file))


def test_an_absolute_path_is_not_sent(spool: Spool, tmp_path: Path) -> None:
    path = put(tmp_path / "video.dcm")
    with pytest.raises(OutputDamaged):
        spool.require_output(output(str(path)))


def test_a_link_out_of_the_store_is_not_followed(spool: Spool) -> None:
    original = put(spool.originals / "key.dcm")
    folder = spool.gated / "key"
    folder.mkdir()
    (folder / "video.dcm").symlink_to(original)
    with pytest.raises(OutputDamaged, match="not among the gated"):
        spool.require_output(output("gated/key/video.dcm"))


def test_a_linked_folder_is_not_followed(spool: Spool) -> None:
    put(spool.originals / "video.dcm")
    (spool.gated / "key").symlink_to(spool.originals, target_is_directory=True)
    with pytest.raises(OutputDamaged, match="not among the gated"):
        spool.require_output(output("gated/key/video.dcm"))


def test_an_object_changed_since_is_not_sent(spool: Spool) -> None:
    put(spool.gated / "key" / "video.dcm").write_bytes(b"other")
    with pytest.raises(OutputDamaged, match="SHA-256"):
        spool.require_output(output("gated/key/video.dcm"))
