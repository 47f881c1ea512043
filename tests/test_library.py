"""What `import tfp_insects` offers."""

import subprocess
import sys

import pytest

import tfp_insects
from tfp_insects import bayes


def test_the_library_is_imported_when_it_is_first_used() -> None:
    code = (
        "import sys, tfp_insects, tfp_insects.bayes\n"
        "from tfp_insects import Prior, Variational\n"
        "assert Variational(Prior('normal')).prior.kind == 'normal'\n"
        "assert {'to_bayesian', 'predict_samples', '__version__'} <= set(dir(tfp_insects))\n"
        "print([name for name in ('tensorflow', 'tf_keras') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", [tfp_insects, bayes], ids=lambda module: module.__name__)
def test_all_names_are_there_and_say_what_they_do(module: object) -> None:
    for name in module.__all__:
        assert getattr(module, name).__doc__, name
    assert set(tfp_insects.__all__) <= set(bayes.__all__)
    with pytest.raises(AttributeError, match=rf"module '{module.__name__}' has no attribute 'to_bayes'"):
        _ = module.to_bayes
