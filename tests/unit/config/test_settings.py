"""The settings tree: complete example, all mistakes at once, the environment over the file."""

from pathlib import Path

import pytest

from dmask_node.cli.config import example_toml
from dmask_node.config import Settings, load_settings
from dmask_node.errors import SettingsRefused

TOP = Path(__file__).parents[3]
EXAMPLE = TOP / "config" / "dmask.example.toml"


def test_the_example_is_what_the_settings_say_of_themselves() -> None:
    assert EXAMPLE.read_text() == example_toml(), "run: make config/dmask.example.toml"


def test_the_example_loads_and_holds_every_setting_with_its_default() -> None:
    loaded = load_settings(EXAMPLE).model_dump()
    defaults = Settings().model_dump()
    assert loaded["node"].pop("state_dir") == Path("/var/lib/dmask")
    defaults["node"].pop("state_dir")
    assert loaded == defaults
    text = EXAMPLE.read_text()
    for room in defaults:
        assert f"[{room}]\n" in text or f"[{room}.default]\n" in text


def test_the_settings_of_the_container_load() -> None:
    settings = load_settings(TOP / "docker" / "dmask.toml")
    assert settings.forward.destinations[0].ae_title == "ORTHANC"


def test_all_mistakes_are_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "dmask.toml"
    file.write_text(
        "[receive]\nport = 99999\nprot = 104\n\n[mask]\nmin_face_fraction = 2\n\n[typo]\na = 1\n"
    )
    with pytest.raises(SettingsRefused) as refused:
        load_settings(file)
    told = str(refused.value).splitlines()
    assert len(told) == 4
    for key in ("receive.port", "receive.prot", "mask.min_face_fraction", "typo"):
        assert any(line.startswith(f"{file}: {key}: ") for line in told), key


@pytest.mark.parametrize("content", ["[receive\nport = 1", "\x00\xff"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "dmask.toml"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsRefused, match="not TOML"):
        load_settings(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="No such file"):
        load_settings(tmp_path / "none.toml")


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "dmask.toml"
    file.write_text("[receive]\nport = 104\nae_title = 'FILE'\n")
    monkeypatch.setenv("DMASK_RECEIVE__PORT", "2762")
    settings = load_settings(file)
    assert settings.receive.port == 2762
    assert settings.receive.ae_title == "FILE"
