"""Centre: the running centre: the worker and its feeder, going live, counting anew, repair."""
