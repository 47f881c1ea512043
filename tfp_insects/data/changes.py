"""What has changed between two states of a data set, for whoever has to decide what to do about it."""

from collections.abc import Mapping, Sequence

from tfp_insects.data.readers.names import listing
from tfp_insects.data.source import ImageSource, content_digests

NUM_NAMED = 3


def list_images(source: ImageSource) -> dict[str, str]:
    """The SHA-256, in hex, of each image by its id: all that is needed to say later what has changed."""
    digests = content_digests(source)
    return {name: digest.hex() for name, digest in zip(source.example_ids, digests, strict=True)}


def describe_change(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Says how many images were added, removed, changed and renamed, and names the first.

    Args:
        before: Digest of each image by its id, as `list_images` gives them. Where digests are not known, ids may be mapped
            to ''; then no change of an image's content is seen, and a renamed image counts as one removed and one added.
        now: The same of today's images.

    Returns:
        Such as "2 images were added (ant/8.jpg, ant/9.jpg), 1 changed (bee/1.jpg)"; empty where all are equal.
    """
    changed = sorted(name for name in before.keys() & now.keys() if before[name] and before[name] != now[name])
    removed = sorted(before.keys() - now.keys())
    added = sorted(now.keys() - before.keys())
    renamed = _renamed({name: before[name] for name in removed}, {name: now[name] for name in added})
    kinds = {
        "added": [name for name in added if name not in renamed.values()],
        "removed": [name for name in removed if name not in renamed],
        "changed": changed,
        "renamed": [f"{old} to {new}" for old, new in renamed.items()],
    }
    found = [_count(names, verb) for verb, names in kinds.items() if names]
    if not found:
        return ""
    number, _, rest = found[0].partition(" ")
    return ", ".join([f"{number} {'image was' if number == '1' else 'images were'} {rest}", *found[1:]])


def _count(names: Sequence[str], verb: str) -> str:
    return f"{len(names):,} {verb} ({listing(names, NUM_NAMED)})"


def _renamed(removed: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """New names by old ones, of images that are equal; each image is used once."""
    names_of: dict[str, list[str]] = {}
    for name in sorted(added, reverse=True):
        names_of.setdefault(added[name], []).append(name)
    return {old: names_of[digest].pop() for old, digest in removed.items() if digest and names_of.get(digest)}
