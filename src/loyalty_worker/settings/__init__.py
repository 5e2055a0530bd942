"""Settings from environment and files; only `app` and `cli` read them."""

from loyalty_worker.settings.loading import load_settings
from loyalty_worker.settings.model import Settings
from loyalty_worker.settings.problems import Problem, SettingsError

__all__ = ["Problem", "Settings", "SettingsError", "load_settings"]
