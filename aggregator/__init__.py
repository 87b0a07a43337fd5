"""Pull many feeds, keep every article once, republish one feed per category."""

__version__ = "0.1.0"
