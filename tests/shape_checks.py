"""How signatures are checked while testing: types by beartype, shapes by jaxtyping."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# An int may stand for a float, as it may for any reader of the signature.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
