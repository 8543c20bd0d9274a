"""The engine of an operations center: events become contributions, contributions become panes, panes become the wall."""

__version__ = "0.1.0"
