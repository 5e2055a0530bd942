"""Progress on stderr comes now and then, however often it is told."""

import pytest

from loyalty_worker.cli.progress import Progress


def test_a_line_is_said_when_it_is_time_and_dropped_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seldom, always = Progress(seconds=60), Progress(seconds=0)
    for number in range(3):
        seldom(f"seldom {number}")
        always(f"always {number}")
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.splitlines() == ["always 0", "always 1", "always 2"]
