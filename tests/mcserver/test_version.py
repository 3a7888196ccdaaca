"""The version in its other forms."""

import pytest

from mcserver import version


@pytest.mark.parametrize(("given", "expected"), [("0.1.0", 100), ("1.2.3", 10203), ("12.0.10", 120010)])
def test_module_version(given, expected, monkeypatch):
    monkeypatch.setattr(version, "__version__", given)
    assert version.module_version() == expected
