"""What a report was made from: data, split, seeds, weights, versions, hardware, times, commands."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfp_insects.bayes.priors import LOG_UNIFORM, Prior
from tfp_insects.compare.layers import layer_words
from tfp_insects.models.architecture import SCOPES, Group
from tfp_insects.models.bnn import make_bayesian
from tfp_insects.models.config import DEFAULT_ARCHITECTURE
from tfp_insects.models.method_table import find_method, label_of
from tfp_insects.report.wording import enumerate_words, seconds
from tfp_insects.runs.config import MOMENTS
from tfp_insects.runs.run import Run
from tfp_insects.runs.run_set import RunSet

MAX_NAMES = 30
GROUP_WORDS: Mapping[Group, str] = {
    "features": "convolutions",
    "hidden": "the dense layers before the last",
    "head": "the last layer",
}


def provenance(study: RunSet) -> list[tuple[str, str]]:
    """Pairs of what and value, in the order of the page."""
    record = study.first.record
    kind = "drawn by this project, not photographs" if study.is_drawn else "images as given"
    return [
        ("Data", f"{record['data']} ({kind}), SHA-256 {record['data_fingerprint'][:16]}…"),
        ("Classes", f"{len(study.class_names)}: {_some(study.class_names, 'in accuracy_by_class.csv')}"),
        ("Test set", f"{record['num_test_examples']} images{_folds(study)}, the same for all models, sizes and seeds"),
        ("Split", f"SHA-256 {record['split_fingerprint'][:16]}…, every image of it in split.json of each run"),
        ("Network", _network(study)),
        ("Models", enumerate_words([label_of(model) for model in study.models])),
        ("Images a class", enumerate_words([str(size) for size in study.sizes])),
        ("Seeds", enumerate_words([str(seed) for seed in study.seeds])),
        ("Weights to start from", _values(study, "weights")),
        ("Predictions", _by_model(study, _prediction_words)),
        ("Parameters", _by_model(study, lambda run: f"{run.record['num_parameters']:,}")),
        ("Precision", _values(study, "precision")),
        ("Hardware", enumerate_words(_unique(_hardware(run.record["hardware"]) for run in study.runs))),
        ("Versions", enumerate_words(_unique(_versions(run.record["versions"]) for run in study.runs))),
        ("Training time", f"{seconds(sum(run.train_seconds for run in study.runs))} in {len(study.runs)} runs"),
        ("Time of the test predictions", _prediction_seconds(study)),
        ("Commands", _command(study)),
    ]


def _folds(study: RunSet) -> str:
    return f", each in one of {study.num_folds} folds" if study.num_folds else ""


def _network(study: RunSet) -> str:
    """What the design is called, and which layers of which model have a posterior."""
    names = _unique(run.record.get("architecture") or run.settings.model.architecture for run in study.runs)
    words = {run.model: layer_words(run.record) for run in study.runs}
    return "; ".join(
        [enumerate_words(names), *(f"{label_of(model)}: {found}" for model, found in words.items() if found)]
    )


def _prediction_words(run: Run) -> str:
    """`by moments, 2 passes and 128 draws of the logits`."""
    if run.num_draws == 1:
        return "one pass"
    if run.prediction_method == MOMENTS:
        return f"by moments, {run.num_samples} passes and {run.num_draws} draws of the logits"
    return f"by Monte Carlo, {run.num_draws} draws in {run.num_samples * run.num_networks} passes"


def _prediction_seconds(study: RunSet) -> str:
    known = [run.predict_seconds for run in study.runs if run.predict_seconds is not None]
    return f"{seconds(sum(known))} in {len(known)} runs" if known else "not measured"


def notes(study: RunSet) -> list[str]:
    """What a reader of the records should know."""
    found = []
    if study.unfinished:
        found.append(f"Not finished, and left out: {_some(study.unfinished, 'in the work directory')}.")
    missing = len(study.models) * len(study.sizes) * len(study.seeds) - len(study.runs)
    if missing:
        found.append(f"The grid of models, sizes and seeds has {missing} runs that are not finished.")
    differing = _differing_settings(study)
    if differing:
        found.append(f"Runs differ in these settings: {', '.join(differing)}.")
    bayesian = next((run for run in study.runs if run.model == study.twin), None)
    if bayesian is not None:
        found += _posterior_notes(bayesian)
    return found


def settings(run: Run) -> list[tuple[str, str]]:
    """All fields of a run's configuration, `section.field` and value."""
    return [(name, str(value)) for name, value in _flat(run.config.get("config", {}))]


def _some(names: Sequence[str], where: str) -> str:
    """Names with commas; of many the first, and where the others are."""
    if len(names) <= MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:MAX_NAMES])} and {len(names) - MAX_NAMES} more ({where})"


def _posterior_notes(run: Run) -> list[str]:
    """Scales that the BNN holds at a share of the prior's, or of the weight's own location, by kind of layer."""
    method = find_method(run.model)
    layers = method.bayesian_layers(run.settings)
    assert layers is not None  # It is a twin.
    bayesian = make_bayesian(method.section(run.settings), layers, run.is_pretrained)
    shares = {
        GROUP_WORDS[group]: _share_words(variational.posterior_ratio, variational.prior)
        for group in SCOPES[bayesian.layers]
        if not (variational := bayesian.of_group(group)).learn_scale
    }
    if not shares:
        return []
    held = enumerate_words([f"at {share} in {words}" for words, share in shares.items()])
    return [f"The BNN learns the location of each weight, but not each scale: scales are held {held}."]


def _share_words(ratio: float, prior: Prior) -> str:
    """Of what a scale is a share: of the weight itself, wherever that can be said."""
    if prior.kind == LOG_UNIFORM:
        return f"{100.0 * ratio:g} % of the weight's size, whatever that becomes,"
    if prior.is_centred_on_pretrained:
        return f"about {100.0 * ratio * prior.scale:g} % of the pretrained weight's size"
    return f"{100.0 * ratio:g} % of their prior's"


def _command(study: RunSet) -> str:
    record = study.first.record
    flags = {
        "model": ",".join(study.models),
        "n_per_class": ",".join(str(size) for size in study.sizes),
        "seeds": ",".join(str(seed) for seed in study.seeds),
        "data": _flag_of(record["data"], {"synthetic": "synthetic", "insect_detect": "insect_detect"}),
        **_architecture_flag(study.first),
        "weights": _flag_of(
            record["weights"],
            {
                **{"none": "none", "imagenet": "imagenet", "synthetic_pretraining": "auto"},
                record.get("architecture", ""): "auto",  # Those in the file with the network.
            },
        ),
    }
    ood = next((run for run in study.runs if "ood_data" in run.record), None)
    if ood is not None and not ood.config["config"]["data"]["ood_classes"]:
        flags["ood_data"] = _flag_of(ood.record["ood_data"], {})
    workdir = f"--workdir={study.workdir.resolve().name}"
    words = " ".join(f"--{name}={value}" for name, value in flags.items())
    return f"python scripts/run.py {words} {workdir} (with the settings below); python scripts/report.py {workdir}"


def _architecture_flag(run: Run) -> dict[str, str]:
    name = run.settings.model.architecture
    if name == DEFAULT_ARCHITECTURE:
        return {}
    return {"architecture": _flag_of(Path(name).name, {}) if run.config.get("architecture_fingerprint") else name}


def _flag_of(name: str, known: Mapping[str, str]) -> str:
    """The value of a flag from what records call it; of a file or folder its name alone."""
    return known.get(name, f"PATH/{name}")


def _differing_settings(study: RunSet) -> list[str]:
    """Fields that not all runs have alike."""
    found: dict[str, set[str]] = {}
    for run in study.runs:
        for name, value in settings(run):
            found.setdefault(name, set()).add(value)
    return sorted(name for name, values in found.items() if len(values) > 1)


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _hardware(hardware: Mapping[str, Any]) -> str:
    gpus = hardware.get("gpus") or ["no GPU"]
    return f"{hardware.get('processor', 'unknown processor')}, {hardware.get('cores', '?')} cores, {', '.join(gpus)}"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _values(study: RunSet, field: str) -> str:
    return enumerate_words(_unique(str(run.record[field]) for run in study.runs))


def _by_model(study: RunSet, value: Any) -> str:
    parts = []
    for model in study.models:
        values = _unique(str(value(run)) for run in study.runs if run.model == model)
        parts.append(f"{label_of(model)} {' or '.join(values)}")
    return ", ".join(parts)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
