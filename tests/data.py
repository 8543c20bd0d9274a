"""Real logs for tests: where they lie, and how a test skips, with its reason, where they do not."""

from __future__ import annotations

import pytest

from tests.brute_receipt import DATA

__all__ = ["DATA", "needs"]


def needs(name: str) -> pytest.MarkDecorator:
    """Skip the test unless the file or folder is there.  Usage: `@needs("dossiers/receipt.csv.gz")`."""
    path = DATA / name
    return pytest.mark.skipif(not path.exists(), reason=f"the real data {path} is not here; IOC_TEST_DATA names its folder")
