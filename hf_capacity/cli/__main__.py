"""`python -m hf_capacity.cli` is the command `hf-capacity`."""

from . import app


app()
