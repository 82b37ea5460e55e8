"""Records to numbers that can be compared: replicated cells, intervals and tests, and the paper's own figures."""

import lazy_loader


__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"cells": ["Cell", "cells_of", "ladders_of"]}
)
