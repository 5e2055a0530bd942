"""Known bugs stay plantable: code that moves on takes its patches along."""

import subprocess

import pytest

from plants import ROOT, Plant, plants


@pytest.mark.parametrize("plant", plants([]), ids=lambda plant: plant.file.stem)
def test_a_plant_applies_to_the_code_and_its_tests_are_there(plant: Plant) -> None:
    apply = ["git", "apply", "--check", str(plant.file)]
    checked = subprocess.run(apply, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for test in plant.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8")
