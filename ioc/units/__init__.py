"""Units: which unit a code names, and the tree of units as of a time."""
