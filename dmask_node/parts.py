"""Build what the pipeline is made of, from the settings.

Apart from `dmask_node.config`, so that the receiving process need not load the pipeline.
"""

from dmask_node.config import Settings, load_keys
from dmask_node.models.store import digests, load_morphable_model
from dmask_node.pipeline import Parts


def build_parts(settings: Settings) -> Parts:
    """Build what the pipeline is made of."""
    return Parts(
        decode=settings.decode,
        inference=settings.inference,
        landmarks=settings.landmarks,
        fit=settings.fit,
        measure=settings.measure,
        render=settings.render,
        encoder=settings.encoder,
        deidentify=settings.deidentify,
        keys=load_keys(settings),
        model=load_morphable_model(),
        model_digests=digests(),
        min_face_fraction=settings.mask.min_face_fraction,
    )
