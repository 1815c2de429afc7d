"""How much more a healthcare digital twin gives away, the more it is fed."""

__version__ = "0.1.0"
