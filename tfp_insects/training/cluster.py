"""The cluster that TF_CONFIG describes: processes that train one network together, and which of them this one is."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tfp_insects.errors import InputError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["first-host:12345", "second-host:12345"]}, "task": {"type": "worker", "index": 0}}'
JOBS = ("chief", "worker")  # The chief, where one is named, is the first of the workers.


class Cluster(NamedTuple):
    """Workers that train together.

    Attributes:
        addresses: `host:port` of each, the chief's first.
        number: Of this process among them.
    """

    addresses: tuple[str, ...]
    number: int


def read_cluster(text: str) -> Cluster:
    """Reads the content of TF_CONFIG.

    Raises:
        InputError: It is malformed, or names this process as none of those that train; the message says where.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise _malformed(f"is no JSON ({error})") from error
    jobs, task = _mapping(content, "cluster"), _mapping(content, "task")
    for job, addresses in jobs.items():
        if job not in JOBS:
            raise _malformed(f"has cluster.{job}; only {' and '.join(JOBS)} train here")
        if not isinstance(addresses, list) or not addresses or not all(map(_is_address, addresses)):
            raise _malformed(f"has cluster.{job}={json.dumps(addresses)}; expected a list of addresses")
    if len(jobs.get("chief", [])) > 1:
        raise _malformed("has more than one address in cluster.chief")
    kind, index = task.get("type"), task.get("index")
    if not isinstance(kind, str) or kind not in jobs:
        raise _malformed(f"has task.type={json.dumps(kind)}; expected one of cluster: {', '.join(jobs)}")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(jobs[kind]):
        raise _malformed(f"has task.index={json.dumps(index)}; expected 0 to {len(jobs[kind]) - 1}")
    addresses = tuple(address for job in JOBS for address in jobs.get(job, []))
    if len(set(addresses)) < len(addresses):
        raise _malformed("names an address twice")
    return Cluster(addresses, index + (len(jobs.get("chief", [])) if kind == "worker" else 0))


def _mapping(content: Any, name: str) -> Mapping[str, Any]:
    found = content.get(name) if isinstance(content, Mapping) else None
    if not isinstance(found, Mapping) or not found:
        raise _malformed(f"has no {name}")
    return found


def _is_address(value: Any) -> bool:
    found = re.fullmatch(r"\S+:(\d{1,5})", value) if isinstance(value, str) else None
    return found is not None and int(found[1]) < 1 << 16


def _malformed(what: str) -> InputError:
    return InputError(f"{VARIABLE} {what}: set it to the like of {EXAMPLE}, with another index in each process")
