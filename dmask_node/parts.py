"""Build what the pipeline is made of, from the settings.

Apart from `dmask_node.config`, so that the receiving process need not load the pipeline.
"""

from collections.abc import Sequence

from dmask_node.config import Settings, audiences, load_escrow, load_keys, site_vocabulary
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.rules import judge_all
from dmask_node.deidentify.vocabulary import NoVocabulary
from dmask_node.models.store import digests, load_morphable_model
from dmask_node.pipeline import Parts


def build_parts(
    settings: Settings,
    chosen: Sequence[Audience] | None = None,
    *,
    master_key: MasterKey | None = None,
) -> Parts:
    """Build what the pipeline is made of.

    Parameters
    ----------
    settings : Settings
        Of the node.
    chosen : sequence of Audience, optional
        For whom to compose; without it, for all destinations.
    master_key : MasterKey, optional
        One that passes with the process; without it, the one that the settings name.

    Raises
    ------
    KeyFileUnusable
        If that is missing or can't be used.
    RuleForbidden
        If an allow-list holds what the table of PS3.15 forbids under a profile's options.
    CertificateRefused
        If a certificate of an audience can't be used.
    """
    key = master_key or load_keys(settings)
    receivers = tuple(audiences(settings) if chosen is None else chosen)
    for receiver in receivers:
        judge_all(receiver.profile.options())
    return Parts(
        decode=settings.decode,
        inference=settings.inference,
        landmarks=settings.landmarks,
        fit=settings.fit,
        measure=settings.measure,
        render=settings.render,
        encoder=settings.encoder,
        deidentify=settings.deidentify,
        master_key=key,
        audiences=receivers,
        escrow=load_escrow(receivers),
        # What a passing key would seal, nobody could read.
        vocabulary=NoVocabulary() if master_key else site_vocabulary(settings, key),
        model=load_morphable_model(),
        model_digests=digests(),
        min_face_fraction=settings.mask.min_face_fraction,
    )
