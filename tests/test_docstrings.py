"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import ioc
import schemas
import streams


def _modules(package: ModuleType) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [module.name for module in found if not module.name.endswith("__main__")]


@pytest.mark.parametrize("package", [ioc, streams, schemas], ids=lambda package: package.__name__)
def test_every_example_in_a_docstring_gives_what_it_says(package: ModuleType) -> None:
    wrong = {name: doctest.testmod(importlib.import_module(name)).failed for name in _modules(package)}
    assert not [name for name, failed in wrong.items() if failed]


def test_there_are_such_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(bool(t.examples) for name in _modules(ioc) for t in finder.find(importlib.import_module(name))) > 20
