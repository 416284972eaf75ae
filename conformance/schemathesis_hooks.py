"""Judges a request by all of its parts: with one bad part it has to be refused.

schemathesis 4.32.5 calls some requests of its phase "coverage" valid although it made their header
field invalid on purpose (`components.header.mode` says so): it then expects 2xx for `If-Match: 0`.
"""

import schemathesis
from schemathesis.generation import GenerationMode


@schemathesis.hook
def before_call(_context, case, _kwargs):
    if case.meta and any(part.mode.is_negative for part in case.meta.components.values()):
        case.meta.generation.mode = GenerationMode.NEGATIVE
