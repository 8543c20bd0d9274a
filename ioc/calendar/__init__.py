"""Calendar: windows and their steps, working days."""


class Beyond(ValueError):
    """An instant or a working time that the working calendar's file does not hold for."""
