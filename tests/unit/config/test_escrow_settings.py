"""Escrow in the settings: checked at the start, one for an audience, told by the doctor."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dmask_node import doctor
from dmask_node.config import (
    audience_of,
    audiences,
    create_keys,
    load_escrow,
    load_settings,
    named_audience,
)
from dmask_node.deidentify.escrow import CertificateRefused
from dmask_node.errors import SettingsRefused
from dmask_node.service import Node
from tests.certificates import a_certificate, der, write_certificate


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Configure":
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Configure(tmp_path)


class Configure:
    """Writes settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def certificate(self, name: str, days: float) -> Path:
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        made = a_certificate("board", serial=1000 + int(days * 10), begin=begin, days=days + 1)
        return write_certificate(self.folder / name, made)

    def __call__(self, *destinations: str) -> Path:
        path = self.folder / "dmask.toml"
        text = f'[node]\nstate_dir = "{self.folder}/state"\n[profiles.default]\n[profiles.other]\n'
        path.write_text(text + "".join(f"[[forward.destinations]]\n{d}\n" for d in destinations))
        return path


def test_destinations_of_one_audience_have_one_escrow(configure: Configure) -> None:
    board, other = configure.folder / "board.pem", configure.folder / "other.pem"
    one = f'name = "a"\nlabel = "x"\nescrow_certificates = ["{board}", "{other}"]'
    same = f'name = "b"\nlabel = "x"\nescrow_certificates = ["{other}", "{board}"]'
    settings = load_settings(configure(one, same))
    [audience] = audiences(settings)
    assert set(audience.escrow) == {board, other}
    for different in (
        'name = "b"\nlabel = "x"',
        f'name = "b"\nlabel = "x"\nescrow_certificates = ["{board}"]',
        f'name = "x"\nescrow_certificates = ["{other}"]',
    ):
        with pytest.raises(SettingsRefused, match="other escrow_certificates"):
            load_settings(configure(one, different))
    apart = load_settings(
        configure(one, 'name = "b"', 'name = "c"\nlabel = "x"\nprofile = "other"')
    )
    assert [len(a.escrow) for a in audiences(apart)] == [2, 0, 0]


def test_an_audience_that_is_named_by_hand_has_the_escrow_of_the_destination(
    configure: Configure,
) -> None:
    board = configure.folder / "board.pem"
    settings = load_settings(configure(f'name = "pacs"\nescrow_certificates = ["{board}"]'))
    [destination] = settings.forward.destinations
    assert named_audience(settings, "default", "pacs") == audience_of(destination, settings)
    assert named_audience(settings, "default", "pacs").escrow == (board,)
    assert named_audience(settings, "default", "local").escrow == ()
    assert named_audience(settings, "other", "pacs").escrow == ()


def test_certificates_are_loaded_by_audience(configure: Configure) -> None:
    board = configure.certificate("board.pem", 90)
    settings = load_settings(
        configure(f'name = "pacs"\nescrow_certificates = ["{board}"]', 'name = "trial"')
    )
    loaded = load_escrow(audiences(settings))
    assert list(loaded) == ["default@pacs"]
    [certificate] = loaded["default@pacs"]
    assert certificate.startswith(b"\x30\x82")
    assert der(a_certificate("board"))[:2] == certificate[:2]


def test_the_node_does_not_start_with_a_certificate_that_will_not_do(configure: Configure) -> None:
    old = configure.certificate("old.pem", -0.5)
    settings = load_settings(configure(f'name = "pacs"\nescrow_certificates = ["{old}"]'))
    create_keys(settings)
    with pytest.raises(CertificateRefused, match="expired"):
        Node(settings)
    assert [p.name for p in settings.node.state_dir.iterdir()] == ["keys"]


def test_the_doctor_looks_at_certificates(configure: Configure) -> None:
    good, soon = configure.certificate("good.pem", 90), configure.certificate("soon.pem", 29.5)
    old = configure.certificate("old.pem", -0.5)
    settings = load_settings(
        configure(
            f'name = "good"\nescrow_certificates = ["{good}"]',
            f'name = "soon"\nescrow_certificates = ["{good}", "{soon}"]',
            f'name = "old"\nescrow_certificates = ["{old}"]',
            'name = "none"',
        )
    )
    findings = list(doctor._escrow(settings))
    assert [(f.what, f.verdict) for f in findings] == [
        ("escrow default@good", doctor.Verdict.OK),
        ("escrow default@soon", doctor.Verdict.WARNING),
        ("escrow default@old", doctor.Verdict.BAD),
    ]
    assert "expires in 89 days" in findings[0].found
    assert "2 recipients" in findings[1].found
    assert "29 days" in findings[1].found
    assert "Renew" in findings[1].hint
    assert findings[2].hint
