"""The scripts that the HTML page carries: DataTables, as itables ships it, and Vega-Lite, as vl-convert does."""

import base64
import zlib
from functools import cache
from importlib.resources import files

import vl_convert


@cache  # bundling takes seconds
def packed_libraries() -> dict[str, str]:
    """Each script and style by the id that `page.js` looks for; deflated, which is a third, in base64."""
    tables = files("itables") / "html"
    texts = {
        "figure-library": vl_convert.javascript_bundle(),
        "table-library": (tables / "dt_bundle.js").read_text(encoding="utf-8"),
        "table-style": (tables / "dt_bundle.css").read_text(encoding="utf-8"),
    }
    return {name: base64.b64encode(zlib.compress(text.encode(), 9)).decode() for name, text in texts.items()}
