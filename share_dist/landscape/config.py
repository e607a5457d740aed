"""Settings of the error landscape."""

from __future__ import annotations

from dataclasses import dataclass

from share_dist.errors import BadSetting, nearest_name, require_between, require_numbers

MOST_TERMS = 1200
"""Above this the fit takes seconds and a survey of some thousand views cannot support the terms anyway."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LandscapeConfig:
    """How finely the error may vary over camera space before the evidence decides how much it does."""

    direction_degree: int = 10
    """Highest degree of the spherical harmonics: details down to about 18°. On real surveys degree 10 equals a
    Gaussian process on the direction, and the prior damps what the data do not show."""

    roll_degree: int = 2
    """Highest order in the roll where roll is a factor: a picture turned by 180° is the finest thing it tells apart."""

    periodic_degree: int = 4
    """Highest Fourier order of a periodic factor such as the direction of the light."""

    interval_degree: int = 3
    """Highest degree of the polynomials of an interval factor such as log distance: error over distance has one
    valley, a cubic lets it lean."""

    interaction_order: int = 2
    """How many factors one term may join. Pairs carry nearly all interaction; triples cost most of the terms."""

    max_terms: int = 400
    """Terms kept, lowest total order first. 400 holds direction to degree 10 and its useful products with distance;
    a fit takes a second and the uncertainty fits a JSON file of a megabyte."""

    smoothness: tuple[float, ...] = (0.5, 1.5, 2.5)
    """Matérn smoothness values the evidence chooses from: 0.5 continuous, 1.5 once and 2.5 twice differentiable."""

    uneven_noise: bool = True
    """Whether noise may vary over the camera, kept only where the evidence favours it: errors of hard views scatter
    several times more than those of easy ones, and equal weights would let them drown the easy views."""

    noise_terms: int = 40
    """Terms of the noise's own landscape: a variance is known far less well than a mean."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        require_numbers(self, "--landscape.")
        for name in ("direction_degree", "periodic_degree", "interval_degree", "interaction_order"):
            require_between(getattr(self, name), f"--landscape.{name}", 1, 30)
        require_between(self.roll_degree, "--landscape.roll_degree", 0, 30)
        require_between(self.max_terms, "--landscape.max_terms", 2, MOST_TERMS)
        require_between(self.noise_terms, "--landscape.noise_terms", 1, self.max_terms)
        if not self.smoothness or not all(0 < nu <= 10 for nu in self.smoothness):
            raise BadSetting(
                f"--landscape.smoothness is {self.smoothness}, but it must list at least one number in (0, 10]; "
                "write 0.5 1.5 2.5."
            )


def require_column(columns: object, name: str, wanted_by: str) -> None:
    """Raise BadSetting when a table lacks a column that a factor or figure needs."""
    if name not in columns:  # type: ignore[operator]
        raise BadSetting(
            f"{wanted_by} needs the column '{name}', but the survey has none{nearest_name(name, map(str, columns))}."  # type: ignore[call-overload]
        )
