"""Settings: one frozen tree, joined from the models that each room owns.

Read from a TOML file; ``DMASK_RECEIVE__PORT=11113`` in the environment overrides ``receive.port``.
Unknown keys and bad values are refused, all mistakes at once.
"""

import os
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dmask_node.audit.settings import AuditSettings
from dmask_node.compose.settings import EncoderSettings
from dmask_node.decode.settings import DecodeSettings
from dmask_node.deidentify.additions import check_profile
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.escrow import load_recipients
from dmask_node.deidentify.keys import MasterKey, create_key_file
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.deidentify.site_vocabulary import VOCABULARY_FILE, SiteVocabulary
from dmask_node.errors import SettingsRefused
from dmask_node.fit.settings import FitSettings
from dmask_node.forward.settings import Destination, ForwardSettings
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.measure.settings import MeasureSettings
from dmask_node.models.settings import InferenceSettings
from dmask_node.observe.settings import LogSettings
from dmask_node.receive.settings import ReceiveSettings
from dmask_node.render.settings import RenderSettings
from dmask_node.spool.settings import SpoolSettings

KEY_CREDENTIAL: Final = "dmask-master-key"
"""Name of the systemd credential that holds the master key (LoadCredential=)."""


def default_state_dir() -> Path:
    """Return where the node keeps its state unless told otherwise.

    ``/var/lib/dmask`` for root, else ``$XDG_STATE_HOME/dmask`` (``~/.local/state/dmask``).
    """
    if os.geteuid() == 0:
        return Path("/var/lib/dmask")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "dmask"


ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")]


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
    profiles: dict[ProfileName, Profile] = {"default": Profile()}
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

    @field_validator("profiles")
    @classmethod
    def _with_a_default(cls, profiles: dict[ProfileName, Profile]) -> dict[ProfileName, Profile]:
        return profiles if "default" in profiles else {"default": Profile(), **profiles}

    @model_validator(mode="after")
    def _profiles_are_there(self) -> Self:
        for destination in self.forward.destinations:
            if destination.profile not in self.profiles:
                raise ValueError(
                    f"forward.destinations {destination.name}: no profile {destination.profile}"
                )
        return self

    @model_validator(mode="after")
    def _profiles_add_what_they_may(self) -> Self:
        mistakes = [
            f"profiles.{name}.extra_keep {mistake}"
            for name, profile in self.profiles.items()
            for mistake in check_profile(profile)
        ]
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return self

    @model_validator(mode="after")
    def _one_escrow_for_an_audience(self) -> Self:
        escrows: dict[tuple[str, str], frozenset[Path]] = {}
        for destination in self.forward.destinations:
            audience = destination.profile, destination.label or destination.name
            escrow = frozenset(destination.escrow_certificates)
            if escrows.setdefault(audience, escrow) != escrow:
                raise ValueError(
                    f"forward.destinations {destination.name}: another destination with this "
                    "profile and label has other escrow_certificates; they get the same objects"
                )
        return self

    @property
    def key_file(self) -> Path:
        """Where the master key is: as configured, else systemd's credential, else the state's."""
        return self.deidentify.key_file or key_credential() or self.own_key_file

    @property
    def own_key_file(self) -> Path:
        """Where the master key is if nothing else is said, and where a new one is put."""
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
        mistakes = [f"{where}: {told}" for mistake in error.errors() for told in _told(mistake)]
        raise SettingsRefused("\n".join(mistakes)) from None


def _told(mistake: ErrorDetails) -> list[str]:
    """Return what is wrong, a line for each mistake, after the key that it is about."""
    key = ".".join(str(part) for part in mistake["loc"])
    lines = mistake["msg"].removeprefix("Value error, ").splitlines()
    return [f"{key}: {line}" if key else line for line in lines]


def audit_folder(settings: Settings) -> Path:
    """Return where the audit journal is."""
    return settings.audit.folder or settings.node.state_dir / "audit"


def audience_of(destination: Destination, settings: Settings) -> Audience:
    """Return under which names and options a destination gets its objects."""
    return named_audience(settings, destination.profile, destination.label or destination.name)


def named_audience(settings: Settings, profile: str, label: str) -> Audience:
    """Return the audience of a profile and a label; with the escrow of destinations that share it.

    Raises
    ------
    SettingsRefused
        If there is no such profile.
    """
    if profile not in settings.profiles:
        raise SettingsRefused(f"no profile {profile} in the settings")
    escrow: tuple[Path, ...] = ()
    for destination in settings.forward.destinations:
        if (destination.profile, destination.label or destination.name) == (profile, label):
            escrow = destination.escrow_certificates
    return Audience(
        label=label, profile_name=profile, profile=settings.profiles[profile], escrow=escrow
    )


def audiences(settings: Settings) -> tuple[Audience, ...]:
    """Return all audiences of the destinations, each once, in the order of the settings."""
    found = {a.name: a for a in (audience_of(d, settings) for d in settings.forward.destinations)}
    return tuple(found.values())


def key_credential() -> Path | None:
    """Return the master key's file among the credentials that systemd gave, if it gave one."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    path = Path(folder) / KEY_CREDENTIAL
    return path if path.exists() else None


def load_escrow(chosen: Iterable[Audience]) -> dict[str, tuple[bytes, ...]]:
    """Load and check the certificates to which identities are encrypted.

    Parameters
    ----------
    chosen : iterable of Audience
        For whom to compose.

    Returns
    -------
    dict
        Certificates (DER) by the audience's name; audiences without an escrow are left out.

    Raises
    ------
    CertificateRefused
        If one can't be used, now.
    """
    now = datetime.now(UTC)
    return {a.name: load_recipients(a.escrow, now) for a in chosen if a.escrow}


def load_keys(settings: Settings) -> MasterKey:
    """Load the master key; never make one.

    Raises
    ------
    KeyMissing
        If there is none; the hint says how to make one.
    KeyFileUnusable
        If it can't be used.
    """
    path = settings.key_file
    return MasterKey.from_file(path, credential=path == key_credential())


def site_vocabulary(settings: Settings, key: MasterKey) -> SiteVocabulary:
    """Return what the site's administrator has decided, and is to decide, about descriptors."""
    return SiteVocabulary(
        settings.node.state_dir / VOCABULARY_FILE,
        key,
        queue_unseen=settings.deidentify.queue_unseen,
        max_pending=settings.deidentify.max_pending,
    )


def create_keys(
    settings: Settings, before_commit: Callable[[MasterKey], None] = lambda _: None
) -> MasterKey:
    """Make a master key where the settings expect one; see `create_key_file`.

    The folder ``keys`` of the state folder is made when missing, a configured one is not.
    """
    if settings.deidentify.key_file is None:
        settings.node.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.own_key_file.parent.mkdir(mode=0o700, exist_ok=True)
    return create_key_file(settings.own_key_file, before_commit)
