"""What the simulation of coverage draws from: written down before any candidate was run, and the criterion with it.

A candidate is a way to an interval of 95 %. It may serve if it covers at least `LEAST_COVERAGE` of the data sets of
every row of its kind, each of at least five runs. Of those that may, the one with the smallest mean width, averaged
over the rows, is chosen. If none may, the one whose worst row is best is chosen, and the table says how far it falls
short. Of `NUM_DATA_SETS` data sets, the Monte Carlo standard error of a coverage of 0.93 is 0.0026; of the
`NUM_TABLES` crossed ones it is 0.0040. A row falls short if its coverage lies below 0.93 by more than one of these.
k of n needs no simulation: its coverage is summed over k.

The shapes follow what lies in `model_cards/`: rates over four questions (0, 1/4, ..., 1), of many questions, losses or
bits, and differences of two rates in pairs of runs. Half of the variance of extrapolation lies between withheld pairs,
so crossed tables are drawn from a latent normal variable, of which pairs, seeds and the rest have their shares.

One thing was changed after a first look, when no candidate served unbounded values: "a little skew" turned out to be
much more so than any losses here (skewness of cells of six: 0.47 on average, where that of ours is 0.16 +- 0.07). It
is a kind of its own now, which is shown and chooses nothing, and "as skew as losses here" stands in its place.
"""

import numpy as np
from scipy.stats import beta, norm


LEAST_COVERAGE = 0.93
NUM_DATA_SETS = 10_000
NUM_TABLES = 4_000
NUMS_RUNS = (5, 6, 10, 20, 45)

QUARTERS = np.linspace(0, 1, 5)
# How often a run gets 0, 1, 2, 3 and 4 of 4 right.
RATES_OF_FOUR = {
    "nearly none": (0.95, 0.05, 0.00, 0.00, 0.00),
    "few": (0.80, 0.15, 0.05, 0.00, 0.00),
    "none, rarely all": (0.85, 0.10, 0.00, 0.00, 0.05),
    "middle": (0.10, 0.20, 0.20, 0.30, 0.20),
    "many": (0.00, 0.00, 0.35, 0.30, 0.35),
    "all or none": (0.60, 0.00, 0.00, 0.00, 0.40),
    "to both ends": (0.45, 0.05, 0.05, 0.05, 0.40),
    "all, rarely none": (0.05, 0.00, 0.00, 0.10, 0.85),
    "nearly all": (0.00, 0.00, 0.00, 0.05, 0.95),
}
# Rates of many questions. The last is a task that most runs solve but for a few questions and one in ten does not.
RATES_OF_MANY = {
    "near 0": beta(1, 30).ppf,
    "low": beta(2, 10).ppf,
    "middle": beta(5, 4).ppf,
    "near 1": beta(30, 1).ppf,
    "to both ends": beta(0.5, 0.5).ppf,
    "near 1, one in ten collapsed": lambda u: np.where(u < 0.1, 7 * u, 0.99 + 0.01 * (u - 0.1) / 0.9),
}
# Losses or bits, in units of their own: no bounds are known.
UNBOUNDED = {
    "normal": norm.ppf,
    "as skew as losses here": lambda u: np.exp(0.2 * norm.ppf(u)),
}
MORE_SKEW = {"a little skew": lambda u: np.exp(0.5 * norm.ppf(u))}
# Differences of the rates of four of two arms, of which half of the variance is the pair's they share.
DIFFERENCES = (
    ("middle", "few"),
    ("many", "middle"),
    ("few", "nearly none"),
    ("few", "few"),
    ("none, rarely all", "nearly none"),
    ("to both ends", "middle"),
    ("nearly all", "many"),
)
CHANCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)

# Seeds x pairs, and which share of the latent variance is of seeds and of pairs; the rest is of the run alone.
TABLES = ((2, 6), (2, 12), (3, 10), (5, 5), (6, 6), (2, 45))
VARIANCE_SHARES = ((0.0, 0.5), (0.1, 0.5), (0.25, 0.5), (0.0, 0.0), (0.0, 1.0), (0.5, 0.0))
CROSSED_UNBOUNDED = ("normal",)
CROSSED_RATES = ("few", "none, rarely all", "middle", "many")
CROSSED_CHANCES = (0.05, 0.2, 0.5)

# What is compared.
CANDIDATES_OF_MEANS = {
    "percentile": "percentile bootstrap, as until now",
    "BCa": "bias-corrected and accelerated bootstrap (Efron 1987)",
    "bootstrap-t": "studentised bootstrap",
    "t": "Student's t",
    "t or exact": "Student's t; where all runs are equal, the exact bound",
    "half a run": "Bayesian bootstrap of the runs and half a run at either bound (of k of n: Jeffreys)",
    "run at the bound": "Bayesian bootstrap of the runs and one at the bound (Learned-Miller & Thomas 2019)",
    "Anderson": "the one-sided band of Massart around the distribution (Anderson 1969)",
}
CANDIDATES_OF_COUNTS = ("Wilson", "Wilson, corrected", "Jeffreys", "Clopper-Pearson")
# The effective number of runs is the variance of a run over that of the mean of all; where all runs are equal, it is
# the number of seeds or of pairs, whichever is greater.
CANDIDATES_OF_TABLES = {
    "pigeonhole": "seeds and pairs drawn again (Owen 2007), as until now",
    "hierarchical": "pairs drawn again, and of each its runs",
    "t": "random effects of seeds and pairs, Student's t with Satterthwaite's degrees of freedom, cut at the bounds",
    "t or exact": "the same; where all runs are equal, the exact bound of the effective number of runs",
    "run at the bound": "Learned-Miller & Thomas, of the effective number of runs",
    "run at the bound, capped": "the same, of no more runs than there are seeds or pairs, whichever is greater",
    "wider": "from the lower of the lower ends of the last and of t to the higher of their higher ends",
}
