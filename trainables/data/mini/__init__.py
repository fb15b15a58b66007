"""The embedded benchmark: small tasks generated in eight languages from shared meanings. Nothing is downloaded."""

from trainables.data.mini.languages import LANGUAGES
from trainables.data.mini.tasks import SIZES, SUITES, TASKS, VERSION, examples

__all__ = ["LANGUAGES", "SIZES", "SUITES", "TASKS", "VERSION", "examples"]
