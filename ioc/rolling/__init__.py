"""Rolling: panes become values of windows and levels, step by step."""
