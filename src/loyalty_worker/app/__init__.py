"""The composition root: settings in, a running worker out.

The one place that knows every part; parts get what they need handed to them.
"""

from loyalty_worker.app.parts import Part
from loyalty_worker.app.worker import run

__all__ = ["Part", "run"]
