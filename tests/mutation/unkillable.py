"""Mutants that no test can kill, or none worth having, and why: (file, change) -> reason."""

NO_NUMBER = "only how fast it is computed changes, or how much memory that takes"
PLACE = "another number for the same place in lists"
NOBODY = "nobody changes one; that none can is for the reader"
TWO_AXES = "of two axes the last is the second"
ONE_ROW = "there is one row, so the first is the last"
SIGNATURE = "cosmic-ray takes the `*` between parameters for a product; with a `/` there, all calls mean the same"

UNKILLABLE: dict[tuple[str, str], str] = {
    (
        "tfp_insects/bayes/log_uniform_prior.py",
        "@tf.function(jit_compile=True, autograph=False) =>",
    ): NO_NUMBER,
    (
        "tfp_insects/bayes/normal_prior.py",
        "@tf.function(jit_compile=True, autograph=False) =>",
    ): NO_NUMBER,
    (
        "tfp_insects/bayes/log_uniform_prior.py",
        "@tf.function(jit_compile=True, autograph=False) => @tf.function(jit_compile=True, autograph=True)",
    ): NO_NUMBER,
    (
        "tfp_insects/bayes/normal_prior.py",
        "@tf.function(jit_compile=True, autograph=False) => @tf.function(jit_compile=False, autograph=False)",
    ): NO_NUMBER,
    (
        "tfp_insects/data/split.py",
        "is_seen = np.zeros(units.max() + 1, bool) => is_seen = np.zeros(units.max() + 2, bool)",
    ): "the array has one element more, which is never read",
    (
        "tfp_insects/metrics/arrays.py",
        "def checked_probabilities(probabilities: npt.ArrayLike, *, ndims: tuple[int, ...] = (2, 3)) -> FloatArray: => "
        "def checked_probabilities(probabilities: npt.ArrayLike, /, ndims: tuple[int, ...] = (2, 3)) -> FloatArray:",
    ): SIGNATURE,
    (
        "tfp_insects/metrics/arrays.py",
        "if worst > SUM_TOLERANCE: => if worst >= SUM_TOLERANCE:",
    ): "they differ for sums that are off by just the tolerance, which is not a limit in itself",
    (
        "tfp_insects/metrics/arrays.py",
        "return array.astype(np.int64, copy=False) => return array.astype(np.int64, copy=True)",
    ): NO_NUMBER,
    (
        "tfp_insects/metrics/calibration.py",
        'if binning == "equal_width": # Then an example has the same bin in all resamples. => '
        'if binning > "equal_width": # Then an example has the same bin in all resamples.',
    ): "the general way gives the same, at more cost",
    (
        "tfp_insects/metrics/calibration.py",
        "bins = _bins_of_resamples(confidence, counts[:1], num_bins, binning)[0] => "
        "bins = _bins_of_resamples(confidence, counts[: 2], num_bins, binning)[0]",
    ): NO_NUMBER,
    (
        "tfp_insects/metrics/counts.py",
        "MAX_STEPS = 500 => MAX_STEPS = 499",
    ): "no case is known that takes 500 steps: the tests' hardest take fewer than 30",
    (
        "tfp_insects/metrics/counts.py",
        "slack_step = barrier / prevalence - slack - slack / prevalence * step => "
        "slack_step = barrier / prevalence - slack - slack // prevalence * step",
    ): "other steps, as many, to the same maximum; what ends them does not look at the slack",
    (
        "tfp_insects/metrics/counts.py",
        "shrinkage = np.maximum(-step / values, 0.0).max(axis=1, keepdims=True) => "
        "shrinkage = np.maximum(-step / values, -1.0).max(axis=1, keepdims=True)",
    ): "all below 0.9 is raised to 0.9 in the next line",
    (
        "tfp_insects/metrics/counts.py",
        "return values + np.minimum(1.0, LARGEST_SHRINKAGE / np.maximum(shrinkage, LARGEST_SHRINKAGE)) * step => "
        "return values + np.minimum( 2.0, LARGEST_SHRINKAGE / np.maximum(shrinkage, LARGEST_SHRINKAGE)) * step",
    ): "the quotient is never above 1",
    ("tfp_insects/metrics/labelled/aurc.py", "order=70, => order= 69,"): PLACE,
    ("tfp_insects/metrics/labelled/macro_accuracy.py", "order=20, => order= 21,"): PLACE,
    ("tfp_insects/metrics/labelled/mean_expected_entropy.py", "order=120, => order= 119,"): PLACE,
    ("tfp_insects/metrics/metric.py", "order: int = 100 => order: int = 101"): PLACE,
    (
        "tfp_insects/metrics/metric.py",
        'return self.shown != "files" => return self.shown > "files"',
    ): "both other values, `pictures` and `tables`, come after it in the alphabet",
    (
        "tfp_insects/metrics/metric.py",
        "@dataclasses.dataclass(frozen=True, kw_only=True) => @dataclasses.dataclass(frozen=True, kw_only=False)",
    ): "what has to be given by name may be given by place; all files of metrics give names",
    (
        "tfp_insects/metrics/out_of_distribution.py",
        "return np.repeat([0, 1], [known.size, ood.size]), np.concatenate([known, ood]) => "
        "return np.repeat([ -1, 1], [known.size, ood.size]), np.concatenate([known, ood])",
    ): "scikit-learn takes 0 and 1, and -1 and 1, for the same two classes",
    (
        "tfp_insects/metrics/scores.py",
        "return np.divide(right, size, out=np.full(size.shape, np.nan), where=size > 0) => "
        "return np.divide(right, size, out=np.full(size.shape, np.nan), where=size != 0)",
    ): "numbers of images are never negative",
    (
        "tfp_insects/metrics/summary.py",
        "probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int, num_resamples: int = NUM_RESAMPLES => "
        "probabilities: npt.ArrayLike, labels: npt.ArrayLike, /, seed: int, num_resamples: int = NUM_RESAMPLES",
    ): SIGNATURE,
    (
        "tfp_insects/metrics/scores.py",
        "return np.sum([special.entr(draw.astype(np.float64)).sum(axis=-1) for draw in draws], axis=0) / len(draws) => "
        "return np.sum([special.entr(draw.astype(np.float64)).sum(axis=1) for draw in draws], axis=0) / len(draws)",
    ): "a draw has two axes, so 1 is the last",
    (
        "tfp_insects/metrics/selective.py",
        "return float(_aurc(_groups_of_all(confidence, correct))[0]) => "
        "return float(_aurc(_groups_of_all(confidence, correct))[ -1])",
    ): ONE_ROW,
    ("tfp_insects/metrics/summary.py", "*, => /,"): SIGNATURE,
    (
        "tfp_insects/metrics/temperature.py",
        'found = optimize.minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": 1e-8}) => '
        'found = optimize.minimize_scalar(nll, bounds=bounds, method="bounded", options={"xatol": -0.99999999})',
    ): "the search goes on as far as numbers allow: the same minimum, later",
    ("tfp_insects/metrics/unknown/one_minus_max_probability.py", "order=30, => order= 29,"): PLACE,
    (
        "tfp_insects/metrics/unknown/predictive_entropy.py",
        'name="predictive_entropy", label="predictive entropy", score=lambda draws: draws.predictive_entropy, order=10 => '
        'name="predictive_entropy", label="predictive entropy", score=lambda draws: draws.predictive_entropy, order= 9',
    ): PLACE,
    (
        "tfp_insects/bayes/log_uniform_prior.py",
        "@tf.function(jit_compile=True, autograph=False) => @tf.function(jit_compile=False, autograph=False)",
    ): NO_NUMBER,
    (
        "tfp_insects/bayes/normal_prior.py",
        "@tf.function(jit_compile=True, autograph=False) => @tf.function(jit_compile=True, autograph=True)",
    ): NO_NUMBER,
    (
        "tfp_insects/data/grouping.py",
        "_THRESHOLDS = [2.0**-halvings for halvings in range(11)] => "
        "_THRESHOLDS = [2.0**-halvings for halvings in range( 10)]",
    ): "the last halving is tried where no other share of the groups is left, and then the one before it gives the same",
    (
        "tfp_insects/data/grouping.py",
        "for unit in np.flatnonzero((parts == POOL) & (counts @ (needed > 0) > 0)): => "
        "for unit in np.flatnonzero((parts == POOL) * (counts @ (needed > 0) > 0)):",
    ): "of booleans the product is the conjunction",
    (
        "tfp_insects/data/split.py",
        "_UNUSED = -1 => _UNUSED = ~1",
    ): "any negative number says the same",
    (
        "tfp_insects/metrics/alarm.py",
        "num = max(1, math.floor(1.0 / false_alarm_rate) - 1) if 0.0 < false_alarm_rate < 1.0 else 1 => "
        "num = max(1, math.floor(1.0 / false_alarm_rate) & 1) if 0.0 < false_alarm_rate < 1.0 else 1",
    ): "where a search begins that finds the same number; a rate outside (0, 1) is refused in it",
    (
        "tfp_insects/metrics/alarm.py",
        "num = max(1, math.floor(1.0 / false_alarm_rate) - 1) if 0.0 < false_alarm_rate < 1.0 else 1 => "
        "num = max(1, math.floor(1.0 / false_alarm_rate) - 1) if not 0.0 < false_alarm_rate < 1.0 else 1",
    ): "where a search begins that finds the same number; a rate outside (0, 1) is refused in it",
    (
        "tfp_insects/metrics/alarm.py",
        "num = max(1, math.floor(1.0 / false_alarm_rate) - 1) if 0.0 < false_alarm_rate < 1.0 else 1 => "
        "num = max(1, math.floor(1.0 / false_alarm_rate) - 1) if 0.0 < false_alarm_rate < 1.0 else 2",
    ): "where a search begins that finds the same number; a rate outside (0, 1) is refused in it",
    (
        "tfp_insects/metrics/bootstrap.py",
        "MAX_COUNTS_PER_CALL = 2**22 => MAX_COUNTS_PER_CALL = 2** 21",
    ): NO_NUMBER,
    (
        "tfp_insects/metrics/bootstrap.py",
        "@dataclasses.dataclass(frozen=True) => @dataclasses.dataclass(frozen=False)",
    ): NOBODY,
    (
        "tfp_insects/metrics/bootstrap.py",
        "@dataclasses.dataclass(frozen=True, eq=False) => @dataclasses.dataclass(frozen=False, eq=False)",
    ): NOBODY,
    (
        "tfp_insects/metrics/bootstrap.py",
        "largest = max(num_examples) * len(statistics) + sum(num_shared) => "
        "largest = max(num_examples) ** len(statistics) + sum(num_shared)",
    ): NO_NUMBER,
    (
        "tfp_insects/metrics/bootstrap.py",
        "for statistic, num in zip(statistics, num_examples, strict=True) => "
        "for statistic, num in zip(statistics, num_examples, strict=False)",
    ): "numbers that differ are refused above",
    (
        "tfp_insects/metrics/bootstrap.py",
        "at_once = max(1, MAX_COUNTS_PER_CALL // num_counts) => at_once = max( 2, MAX_COUNTS_PER_CALL // num_counts)",
    ): NO_NUMBER,
    (
        "tfp_insects/metrics/calibration.py",
        "return averaged.max(axis=-1), averaged.argmax(axis=-1) == checked_labels(labels, *averaged.shape) => "
        "return averaged.max(axis=-1), averaged.argmax(axis=+1) == checked_labels(labels, *averaged.shape)",
    ): TWO_AXES,
    (
        "tfp_insects/metrics/calibration.py",
        'if binning == "equal_width": # Then an example has the same bin in all resamples. => '
        'if binning >= "equal_width": # Then an example has the same bin in all resamples.',
    ): "the general way gives the same, at more cost",
    (
        "tfp_insects/metrics/calibration.py",
        "return np.minimum(bins, num_bins - 1)[group].T => return np.minimum(bins, num_bins * 1)[group].T",
    ): "only an example that a resample lacks can lie in a bin behind the last, and it counts for nothing",
    (
        "tfp_insects/metrics/counts.py",
        "confusion: npt.ArrayLike, predicted_counts: npt.ArrayLike, *, seed: int, num_resamples: int = 1000 => "
        "confusion: npt.ArrayLike, predicted_counts: npt.ArrayLike, *, seed: int, num_resamples: int = 999",
    ): "a default: any number near it will do",
    (
        "tfp_insects/metrics/counts.py",
        "smoothed = labelled + 1.0 / labelled.shape[-1] => smoothed = labelled + 1.0 / labelled.shape[- 2]",
    ): "the matrix is square",
    (
        "tfp_insects/metrics/guarantee.py",
        "high = np.where(is_enough, high, 2 * high) => high = np.where(is_enough, high, 3 * high)",
    ): "a bracket that is wider at first ends at the same number",
    (
        "tfp_insects/metrics/guarantee.py",
        "risk = round(step * LEVEL_STEP, 10) => risk = round(step * LEVEL_STEP, 11)",
    ): "both are the nearest double of the step",
    (
        "tfp_insects/metrics/labelled/coverage_at_5_risk.py",
        "order=90, => order= 89,",
    ): PLACE,
    (
        "tfp_insects/metrics/labelled/ece_equal_mass.py",
        "order=60, => order= 61,",
    ): PLACE,
    (
        "tfp_insects/metrics/labelled/mean_expected_entropy.py",
        "order=120, => order= 121,",
    ): PLACE,
    (
        "tfp_insects/metrics/out_of_distribution.py",
        "num_groups = 2 * edges.size + 1 => num_groups = 2 * edges.size + 2",
    ): "a group more, in which there is nothing",
    (
        "tfp_insects/metrics/out_of_distribution.py",
        "starts = np.flatnonzero(np.diff(groups[order], prepend=-1)) => "
        "starts = np.flatnonzero(np.diff(groups[order], prepend=- 2))",
    ): "any number that is no group says the same",
    (
        "tfp_insects/metrics/scores.py",
        "return np.square(gaps).sum(axis=-1) => return np.square(gaps).sum(axis=1)",
    ): TWO_AXES,
    (
        "tfp_insects/metrics/selective.py",
        "rate = np.divide(groups.errors, groups.sizes, out=np.zeros(groups.sizes.shape), where=groups.sizes > 0) "
        "=> "
        "rate = np.divide(groups.errors, groups.sizes, out=np.zeros(groups.sizes.shape), where=groups.sizes != 0)",
    ): "no size is negative",
    (
        "tfp_insects/metrics/selective.py",
        "return ((taken - _expected_errors(groups, last, taken)) / taken)[0] => "
        "return ((taken - _expected_errors(groups, last, taken)) / taken)[ -1]",
    ): ONE_ROW,
    (
        "tfp_insects/metrics/unknown/predictive_entropy.py",
        'name="predictive_entropy", label="predictive entropy", score=lambda draws: draws.predictive_entropy, '
        "order=10 => "
        'name="predictive_entropy", label="predictive entropy", score=lambda draws: draws.predictive_entropy, '
        "order= 11",
    ): PLACE,
}
