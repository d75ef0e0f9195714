"""Settings: one frozen tree, joined from the models that each room owns.

Read from a TOML file; ``DMASK_RECEIVE__PORT=11113`` in the environment overrides ``receive.port``.
Unknown keys and bad values are refused, all mistakes at once.
"""

import os
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dmask_node.audit.settings import AuditSettings
from dmask_node.compose.settings import EncoderSettings
from dmask_node.decode.settings import DecodeSettings
from dmask_node.deidentify.keys import KeyFileExists, Keys, create_key_file
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.errors import SettingsRefused
from dmask_node.fit.settings import FitSettings
from dmask_node.forward.settings import ForwardSettings
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.measure.settings import MeasureSettings
from dmask_node.models.settings import InferenceSettings
from dmask_node.observe.settings import LogSettings
from dmask_node.receive.settings import ReceiveSettings
from dmask_node.render.settings import RenderSettings
from dmask_node.spool.settings import SpoolSettings


def default_state_dir() -> Path:
    """Return where the node keeps its state unless told otherwise.

    ``/var/lib/dmask`` for root, else ``$XDG_STATE_HOME/dmask`` (``~/.local/state/dmask``).
    """
    if os.geteuid() == 0:
        return Path("/var/lib/dmask")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "dmask"


class NodeSettings(BaseModel):
    """The node as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="dmask", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Stands in every audit record. Not a secret, and not a patient's."""
    state_dir: Path = Field(default_factory=default_state_dir)
    """Spool, ledger, queue, quarantine, audit journal and (unless set otherwise) the key.
    On a local disk; holds originals until they are purged, so keep it encrypted."""


class MaskSettings(BaseModel):
    """What a video must show to be masked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_face_fraction: float = Field(default=0.5, ge=0.0, le=1.0)
    """Least share of frames with a face; below it the object is quarantined."""


class Settings(BaseSettings):
    """All settings of the node."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="DMASK_", env_nested_delimiter="__"
    )

    node: NodeSettings = NodeSettings()
    receive: ReceiveSettings = ReceiveSettings()
    spool: SpoolSettings = SpoolSettings()
    decode: DecodeSettings = DecodeSettings()
    inference: InferenceSettings = InferenceSettings()
    landmarks: LandmarkSettings = LandmarkSettings()
    fit: FitSettings = FitSettings()
    measure: MeasureSettings = MeasureSettings()
    mask: MaskSettings = MaskSettings()
    render: RenderSettings = RenderSettings()
    encoder: EncoderSettings = EncoderSettings()
    deidentify: DeidentifySettings = DeidentifySettings()
    forward: ForwardSettings = ForwardSettings()
    audit: AuditSettings = AuditSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the name is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the name is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the name is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, and nothing else join in."""
        return (env_settings, init_settings)

    @property
    def key_file(self) -> Path:
        """Where the master key is."""
        return self.deidentify.key_file or self.node.state_dir / "keys" / "master.key"


def load_settings(path: Path | None = None) -> Settings:
    """Load and check the settings.

    Parameters
    ----------
    path : Path, optional
        TOML file; without it the embedded defaults hold.

    Returns
    -------
    Settings
        Frozen.

    Raises
    ------
    SettingsRefused
        If the file can't be read, or has unknown keys or bad values: all of them at once.
    """
    values: dict[str, Any] = {}
    where = "embedded defaults and environment"
    if path is not None:
        where = str(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsRefused(f"{where}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"{where}: not TOML: {error}") from None
    try:
        return Settings(**values)
    except ValidationError as error:
        mistakes = [
            f"{where}: {'.'.join(str(part) for part in mistake['loc'])}: {mistake['msg']}"
            for mistake in error.errors()
        ]
        raise SettingsRefused("\n".join(mistakes)) from None


def audit_folder(settings: Settings) -> Path:
    """Return where the audit journal is."""
    return settings.audit.folder or settings.node.state_dir / "audit"


def load_keys(settings: Settings) -> Keys:
    """Load the master key; on a node's first start, make one where none is configured.

    A configured `deidentify.key_file` is never made up: a missing one stops the node.
    """
    if settings.deidentify.key_file is None and not settings.key_file.exists():
        settings.node.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.key_file.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(KeyFileExists):  # another process was first
            create_key_file(settings.key_file)
    return Keys.from_file(
        settings.key_file, epoch=settings.deidentify.epoch, label=settings.deidentify.label
    )
