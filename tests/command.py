"""The command line as a person runs it: a process of its own, without settings from outside."""

import asyncio
import os
import subprocess
import sys
from typing import TypeAlias

Run: TypeAlias = subprocess.CompletedProcess[str]


async def loyalty(*arguments: str, **settings: str) -> Run:
    """Run `loyalty ARGUMENTS` with these settings, named without their prefix."""
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("LOYALTY_", "PG"))
    }
    inside = {f"LOYALTY_{name}": value for name, value in settings.items()}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "loyalty_worker", *arguments],
        env={**outside, **inside},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
