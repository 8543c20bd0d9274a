"""Calendar: windows and their steps, working days."""
