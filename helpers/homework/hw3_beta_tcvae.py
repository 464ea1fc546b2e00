"""Homework 3: what is inside the KL term. Symbols as in notebook 03; all values in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
A wrong answer is the reference with something else written in one place of it.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from helpers.homework.engine import Exercise, mistaken
from helpers.homework.kinds import Bug, Card, InWords, Step, order, predict, show_bug

# 3.1 What is each nat spent on?


def _spent(variant: int) -> Exercise:
    """The three terms of two encoders, in the head."""
    rng = np.random.default_rng([variant, 31])
    latents = 3 if variant == 0 else int(rng.integers(2, 6))
    values = 2 if variant == 0 else int(rng.integers(2, 7))
    nat = math.log(values)
    told, silent = "the copies: ", "the silent one: "

    return predict(
        Card(
            id="3.1",
            core=True,
            title="What is each nat spent on?",
            difficulty="easy",
            minutes=4,
            purpose="Two encoders whose three terms can be said without a program.",
            hints=(
                "What does a code tell about the picture, and what do its latents tell about each "
                "other?",
                (
                    "TC is the sum of the single entropies minus the joint one. And a latent's own "
                    "KL asks only how its own values are spread over all pictures."
                ),
                "the copies: Σ H(z_j) = D · H(digit), and H(z) = H(digit)",
            ),
        ),
        "spent",
        (
            f"Each picture shows one of {values} equally likely digits, and the prior of each "
            f"of {latents} latents is uniform on {values} values. *The copies*: every latent is "
            "the digit itself. *The silent one*: every latent is always 0. Give the three terms "
            "$I(z;n)$, TC and $\\sum_j\\mathrm{KL}(q(z_j)\\Vert p(z_j))$ of the first, then of "
            f"the second, in nats ($\\log {values}={nat:.3f}$). Pictures of the same digit count "
            "as one picture."
        ),
        {
            told + "I": nat,
            told + "TC": (latents - 1) * nat,
            told + "Σ KL": 0,
            silent + "I": 0,
            silent + "TC": 0,
            silent + "Σ KL": latents * nat,
        },
        {
            "these are bits; in nats one is log 2.": {
                told + "I": nat / math.log(2),
                told + "TC": (latents - 1) * nat / math.log(2),
                silent + "Σ KL": latents * nat / math.log(2),
            },
            "each copy tells the same digit: information is not counted once a latent.": {
                told + "I": latents * nat
            },
            "the code is the digit, so it tells all of it.": {told + "I": 0},
            "one of the copies is news, the others repeat it: one less.": {
                told + "TC": latents * nat
            },
            "the copies depend on each other as much as latents can.": {told + "TC": 0},
            "a total correlation is never negative: Σ_j H(z_j) comes first.": {
                told + "TC": -(latents - 1) * nat
            },
            "it is not a correlation between two of them, but all that they share.": {
                told + "TC": nat
            },
            "each latent is uniform over all pictures, which is its prior.": {
                told + "Σ KL": latents * nat
            },
            "over all pictures a copy takes every value equally often, as its prior has it.": {
                told + "Σ KL": nat
            },
            "the KL of the latents together holds the total correlation; here each is alone.": {
                told + "Σ KL": (latents - 1) * nat
            },
            "latents that never move do not depend on each other.": {
                silent + "TC": (latents - 1) * nat
            },
            "a code that never moves tells nothing.": {silent + "I": nat},
            "always 0 is as far from uniform as can be, for every latent.": {silent + "Σ KL": 0},
            "there are several latents, and each pays.": {silent + "Σ KL": nat},
            "the prior is 0 nowhere; infinite is the other one, KL(p || q).": {
                silent + "Σ KL": math.inf
            },
            "the logarithms add up, not the numbers below them.": {
                silent + "Σ KL": math.log(latents * values)
            },
        },
        {
            told + "I": "how much does the code tell of the digit, however often it tells it?",
            told + "TC": (
                "Σ_j H(z_j) counts the digit once a latent, H(z) once in all: what is left over?"
            ),
            told + "Σ KL": (
                "over all pictures, how is each latent distributed, and what is its prior?"
            ),
            silent + "I": "does this code change with the picture?",
            silent + "TC": (
                "which entropy has a latent that never moves, and which have all together?"
            ),
            silent + "Σ KL": (
                "for one latent, the logarithm of 1 over the prior's chance of 0; then for all."
            ),
        },
    )


# 3.2 The KL term, line by line

_RULES = {
    "kl": "the definition of a KL divergence",
    "one": "multiply and divide by the same thing, and split the logarithm",
    "information": "the definition of the mutual information $I(z;n)$",
    "tc": "the definition of the total correlation",
    "product": "the prior is a product over the latents, and so is what is compared with it",
    "marginal": "a mean under $q(z)$ of something with $z_j$ alone is one under $q(z_j)$",
}
_N = "\\mathbb{E}_{q(z,n)}"
_Z = "\\mathbb{E}_{q(z)}"
_I, _TC = "I(z;n)", "\\mathrm{TC}(z)"
_SUM = "\\sum_j\\mathrm{KL}\\big(q(z_j)\\,\\Vert\\,p(z_j)\\big)"


def _split_in_order(variant: int) -> Exercise:
    return order(
        Card(
            id="3.2",
            core=True,
            title="The KL term, line by line",
            difficulty="medium",
            minutes=10,
            purpose="The decomposition is two times the same trick; see which.",
            hints=(
                "What has to stand between q(z|n) and p(z) before a mutual information appears?",
                (
                    "The trick comes twice: once with q(z), once with the product of the q(z_j). "
                    "Each time a definition follows."
                ),
                'the first pair is the line with E_q(z,n) and one logarithm, with the rule "kl"',
            ),
        ),
        "split_in_order",
        "\\frac1N\\sum_n\\mathrm{KL}\\big(q(z\\mid n)\\,\\Vert\\,p(z)\\big)",
        (
            Step(f"={_N}\\Big[\\log\\frac{{q(z\\mid n)}}{{p(z)}}\\Big]", "kl"),
            Step(
                f"={_N}\\Big[\\log\\frac{{q(z\\mid n)}}{{q(z)}}\\Big]"
                f"+{_Z}\\Big[\\log\\frac{{q(z)}}{{p(z)}}\\Big]",
                "one",
            ),
            Step(f"={_I}+{_Z}\\Big[\\log\\frac{{q(z)}}{{p(z)}}\\Big]", "information"),
            Step(
                f"={_I}+{_Z}\\Big[\\log\\frac{{q(z)}}{{\\prod_jq(z_j)}}\\Big]"
                f"+{_Z}\\Big[\\log\\frac{{\\prod_jq(z_j)}}{{p(z)}}\\Big]",
                "one",
            ),
            Step(
                f"={_I}+{_TC}+{_Z}\\Big[\\log\\frac{{\\prod_jq(z_j)}}{{p(z)}}\\Big]",
                "tc",
            ),
            Step(
                f"={_I}+{_TC}+\\sum_j{_Z}\\Big[\\log\\frac{{q(z_j)}}{{p(z_j)}}\\Big]",
                "product",
            ),
            Step(f"={_I}+{_TC}+{_SUM}", "marginal", also="kl"),
        ),
        {
            f"={_Z}\\Big[\\log\\frac{{q(z\\mid n)}}{{q(z)}}\\Big]"
            f"+{_Z}\\Big[\\log\\frac{{q(z)}}{{p(z)}}\\Big]": (
                "n is not averaged over any more in its first term, though q(z|n) still has it."
            ),
            f"={_I}+{_TC}+\\mathrm{{KL}}\\big(q(z)\\,\\Vert\\,p(z)\\big)": (
                "the KL of the latents together holds the total correlation already."
            ),
            f"={_I}-{_TC}+{_SUM}": "the total correlation is added: q(z) stands above.",
            f"={_I}+{_TC}+\\sum_j\\mathrm{{KL}}\\big(p(z_j)\\,\\Vert\\,q(z_j)\\big)": (
                "these KLs are the other way round: the mean is under q, so q stands first."
            ),
        },
        _RULES,
        variant,
    )


# 3.3 Three latents, and a prior that is not uniform


def three_terms(q: Tensor, priors: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """(I(z;n), TC(z), Σ_j KL(q(z_j) || p(z_j))) of a table q [N, A, B, C], q(z1, z2, z3 | n).

    priors: p(z1) [A], p(z2) [B] and p(z3) [C], without zeros.
    All N images are equally likely. Entries of q may be 0; 0 log 0 counts as 0.
    """

    def entropy(p):
        return -torch.xlogy(p, p).sum()

    # The aggregated posterior q(z), and the marginal of each latent.
    heap = q.mean(0)  # [A, B, C]
    marginals = (heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))  # [A], [B], [C]

    # I(z;n) = H(q(z)) - mean of H(q(z|n)).
    information = entropy(heap) - sum(entropy(table) for table in q) / len(q)

    # TC(z) = Σ_j H(q(z_j)) - H(q(z)).
    total_correlation = sum(entropy(p) for p in marginals) - entropy(heap)

    # KL(q(z_j) || p(z_j)) = -H(q(z_j)) - the mean of log p(z_j) under q(z_j).
    dimension_wise = sum(
        -entropy(p) - (p * prior.log()).sum() for p, prior in zip(marginals, priors, strict=True)
    )

    return information, total_correlation, dimension_wise


def _tables(rng: np.random.Generator) -> dict[str, tuple]:
    """(q [N, A, B, C], priors) of eight encoders."""
    cases = {}
    for n, shape, concentration in (
        (1, (2, 2, 2), 1.0),
        (2, (2, 2, 2), 0.7),
        (3, (2, 3, 2), 0.5),
        (5, (3, 2, 4), 1.5),
    ):
        rows = torch.from_numpy(rng.dirichlet([concentration] * math.prod(shape), n))
        words = f"{n} image" + ("s" if n > 1 else "") + f", {' × '.join(map(str, shape))} codes"
        cases[words] = (rows.reshape(n, *shape), _priors(rng, shape))

    own = torch.eye(8, dtype=torch.float64).reshape(8, 2, 2, 2)
    cases["each image its own code, zeros elsewhere"] = (own, _priors(rng, (2, 2, 2)))
    nothing = torch.full((3, 2, 2, 2), 0.125, dtype=torch.float64)
    cases["a code that tells nothing"] = (nothing, _priors(rng, (2, 2, 2)))

    # The second latent is always 0, so that some codes are never used; the others hang together.
    # One image leaves out a code that the others use.
    used = torch.from_numpy(rng.dirichlet([1.0] * 4, 4)).reshape(4, 2, 2)
    used[0, 0, 0] = 0
    silent = torch.zeros(4, 2, 2, 2, dtype=torch.float64)
    silent[:, :, 0] = used / used.sum((1, 2), keepdim=True)
    cases["a latent that is always 0"] = (silent, _priors(rng, (2, 2, 2)))

    priors = _priors(rng, (2, 3, 2))
    heap = torch.einsum("a,b,c->abc", *priors)
    cases["a heap that is the prior"] = (heap.expand(2, 2, 3, 2).clone(), priors)
    return cases


def _terms_of_each_latent(q, priors):
    _, correlation, dimension_wise = three_terms(q, priors)
    informations = []
    for axes in ((2, 3), (1, 3), (1, 2)):
        latent = q.sum(axes)
        of_heap = -torch.xlogy(latent.mean(0), latent.mean(0)).sum()
        informations.append(of_heap + torch.xlogy(latent, latent).sum() / len(q))
    return sum(informations), correlation, dimension_wise


def _terms_per_image(q, priors):
    information, correlation, _ = three_terms(q, priors)
    alone = [three_terms(table[None], priors)[2] for table in q]
    return information, correlation, sum(alone) / len(q)


def _terms_correlation_per_image(q, priors):
    information, _, dimension_wise = three_terms(q, priors)
    alone = [three_terms(table[None], priors)[1] for table in q]
    return information, sum(alone) / len(q), dimension_wise


def _with_plain_logarithms(q, priors):
    """q log(a / b) written out: NaN where a code is never used, right elsewhere."""
    information, _, _ = three_terms(q, priors)
    heap = q.mean(0)
    marginals = (heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))
    product = torch.einsum("a,b,c->abc", *marginals)
    correlation = (heap * (heap / product).log()).sum()
    kl = sum((m * (m / p).log()).sum() for m, p in zip(marginals, priors, strict=True))
    return information, correlation, kl


def _of_common_codes(q, priors):
    information, _, dimension_wise = three_terms(q, priors)
    heap = q.mean(0)
    marginals = (heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))
    product = torch.einsum("a,b,c->abc", *marginals)
    terms = torch.xlogy(heap, heap) - torch.xlogy(heap, product)
    return information, terms[(q > 0).all(0)].sum(), dimension_wise


def _of_summed_heap(q, priors):
    """All log ratios right, of a heap that adds up to N."""
    heap = q.sum(0)
    marginals = (heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))
    product = torch.einsum("a,b,c->abc", *marginals)
    information = (torch.xlogy(q, q) - torch.xlogy(q, heap)).sum() / len(q)
    correlation = (torch.xlogy(heap, heap) - torch.xlogy(heap, product)).sum()
    kl = sum(
        (torch.xlogy(m, m) - torch.xlogy(m, p)).sum()
        for m, p in zip(marginals, priors, strict=True)
    )
    return information, correlation, kl


def _priors(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    """A prior of each latent, none of them uniform."""
    drawn = [torch.from_numpy(rng.dirichlet([3.0] * size)) for size in shape]
    tilted = [p + torch.arange(1, len(p) + 1) / 4 for p in drawn]
    return tuple(p / p.sum() for p in tilted)


_THREE_TERMS = Exercise(
    id="3.3",
    kind="write",
    core=True,
    title="Three latents, and a prior that is not uniform",
    difficulty="medium",
    minutes=18,
    purpose="Notebook 03 did it for two latents and a uniform prior; see what changes.",
    reference=three_terms,
    draw=_tables,
    parts=("I(z;n)", "TC(z)", "Σ KL"),
    meaning={
        "a heap that is the prior": "every image has the prior for its code: all three are 0.",
        "a code that tells nothing": {
            "I(z;n)": "a code that tells nothing has I = 0.",
            "TC(z)": "latents that are uniform together are independent: TC = 0.",
        },
        "each image its own code, zeros elsewhere": {
            "I(z;n)": "eight images with a code each: I = log 8 = 2.079.",
            "TC(z)": "eight equally likely corners of a cube are three independent coins: TC = 0.",
        },
        "1 image, 2 × 2 × 2 codes": {
            "I(z;n)": "with one image there is nothing to be told apart: I = 0."
        },
    },
    wrong_answers={
        "the logarithm of a code that no image uses is infinite, and 0 times it is NaN; let xlogy "
        "multiply.": lambda q, priors: _with_plain_logarithms(q, priors),
        "only the codes that every image uses were counted.": lambda q, priors: _of_common_codes(
            q, priors
        ),
        "the prior was taken for uniform.": mistaken(
            three_terms, ("(p * prior.log()).sum()", "math.log(1 / len(p))")
        ),
        "the third value is KL(q(z) || p(z)) of the latents together; the total correlation is "
        "counted in it once more.": mistaken(
            three_terms,
            (
                "return information,",
                "dimension_wise = dimension_wise + total_correlation\n    return information,",
            ),
        ),
        "the first value is the whole mean KL; mutual information compares q(z|n) with q(z), not "
        "with the prior.": mistaken(
            three_terms,
            (
                "return information,",
                "information = information + total_correlation + dimension_wise\n"
                "    return information,",
            ),
        ),
        "the total correlation has its sign turned: the entropies of the single latents come "
        "first.": mistaken(
            three_terms,
            (
                "sum(entropy(p) for p in marginals) - entropy(heap)",
                "entropy(heap) - sum(entropy(p) for p in marginals)",
            ),
        ),
        "only the first two latents are compared; TC has all of them in it.": mistaken(
            three_terms,
            (
                "sum(entropy(p) for p in marginals) - entropy(heap)",
                "sum(entropy(p) for p in marginals[:2]) - entropy(heap.sum(2))",
            ),
        ),
        "the third latent is in H(z), and missing from the sum of the single entropies.": mistaken(
            three_terms,
            ("sum(entropy(p) for p in marginals) -", "sum(entropy(p) for p in marginals[:2]) -"),
        ),
        "the first value compares q(z|n) with the product of the marginals; the total correlation "
        "is counted in it.": mistaken(
            three_terms,
            (
                "return information,",
                "information = information + total_correlation\n    return information,",
            ),
        ),
        "the mean of the first value went over the codes, too: add up over an image's codes, and "
        "average over the images.": mistaken(
            three_terms,
            (
                "return information,",
                "information = information / heap.numel()\n    return information,",
            ),
        ),
        "the KL of a latent was averaged over its values, as F.kl_div does by itself; "
        'reduction="sum" adds up.': mistaken(
            three_terms,
            (
                "-entropy(p) - (p * prior.log()).sum()",
                "(-entropy(p) - (p * prior.log()).sum()) / len(p)",
            ),
        ),
        "the marginals stand in the wrong order: for q(z1) the heap's axes 1 and 2 are summed "
        "out.": mistaken(
            three_terms,
            (
                "(heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))",
                "(heap.sum((0, 1)), heap.sum((0, 2)), heap.sum((1, 2)))",
            ),
        ),
        "for a marginal two of the heap's three axes are summed out, not one.": mistaken(
            three_terms,
            (
                "(heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))",
                "(heap.sum(0), heap.sum(1), heap.sum(2))",
            ),
        ),
        "these are the mutual informations of the pairs; together they are not the total "
        "correlation.": mistaken(
            three_terms,
            (
                "sum(entropy(p) for p in marginals) - entropy(heap)",
                "2 * sum(entropy(p) for p in marginals) "
                "- sum(entropy(heap.sum(j)) for j in range(3))",
            ),
        ),
        "0 log 0 came out as NaN; torch.xlogy(p, p) is p log p, and 0 where p is 0.": mistaken(
            three_terms, ("torch.xlogy(p, p)", "(p * p.log())")
        ),
        "a small number was added inside the logarithm, which changes every value a "
        "little.": mistaken(three_terms, ("torch.xlogy(p, p)", "(p * (p + 1e-4).log())")),
        "the logarithm of the prior is averaged under q(z_j), not under the prior.": mistaken(
            three_terms, ("(p * prior.log())", "(prior * prior.log())")
        ),
        "this KL is the other way round, KL(p || q).": mistaken(
            three_terms,
            (
                "-entropy(p) - (p * prior.log()).sum()",
                "-entropy(prior) - torch.xlogy(prior, p).sum()",
            ),
        ),
        "the entropy of q(z_j) is missing: this is a cross-entropy.": mistaken(
            three_terms, ("-entropy(p) - (p * prior", "-(p * prior")
        ),
        "the images' entropies were added up; their mean is subtracted.": mistaken(
            three_terms, (" / len(q)", "")
        ),
        "this is the entropy of the code, not what it tells about the image.": mistaken(
            three_terms, (" - sum(entropy(table) for table in q) / len(q)", "")
        ),
        "the values are in bits.": mistaken(
            three_terms,
            (
                "return information, total_correlation, dimension_wise",
                "return tuple(v / math.log(2) for v in "
                "(information, total_correlation, dimension_wise))",
            ),
        ),
        "this is what the code leaves to noise, the mean of H(q(z|n)); it is to be subtracted from "
        "H(q(z)).": mistaken(
            three_terms, ("information = entropy(heap) - sum", "information = sum")
        ),
        "the entropy of the heap is not log N: the images may share codes.": mistaken(
            three_terms,
            ("information = entropy(heap) - sum", "information = math.log(len(q)) - sum"),
        ),
        "these are the informations of the single latents, added up; the code is all of them "
        "together.": _terms_of_each_latent,
        "the sign of the information is turned.": mistaken(
            three_terms, ("return information,", "return -information,")
        ),
        "the KLs of the latents add up; they are not averaged.": mistaken(
            three_terms, ("dimension_wise = sum(", "dimension_wise = 1 / 3 * sum(")
        ),
        "only the first latent is in the third value.": mistaken(
            three_terms, ("zip(marginals, priors, strict=True)", "zip(marginals[:1], priors[:1])")
        ),
        "only the last latent is in the third value.": mistaken(
            three_terms, ("zip(marginals, priors, strict=True)", "zip(marginals[2:], priors[2:])")
        ),
        "the third latent is missing from the third value.": mistaken(
            three_terms, ("zip(marginals, priors, strict=True)", "zip(marginals[:2], priors[:2])")
        ),
        "each log ratio counts with its q; here they were just added up.": mistaken(
            three_terms, ("-entropy(p) - (p * prior.log()).sum()", "(p / prior).log().sum()")
        ),
        "single summands may be negative; their absolute values were taken.": mistaken(
            three_terms,
            ("-entropy(p) - (p * prior.log()).sum()", "(p * (p / prior).log()).abs().sum()"),
        ),
        "this total correlation is the other way round: q(z) stands first.": mistaken(
            three_terms,
            (
                "sum(entropy(p) for p in marginals) - entropy(heap)",
                "-sum((torch.einsum('a,b,c->abc', *marginals) * (heap / "
                "torch.einsum('a,b,c->abc', *marginals)).log()).flatten())",
            ),
        ),
        "all latents were compared with the first prior.": mistaken(
            three_terms,
            ("(p * prior.log())", "(p * priors[0].repeat(3)[: len(p)].log())"),
        ),
        "log p(z_j) was not averaged under q(z_j).": mistaken(
            three_terms, ("(p * prior.log()).sum()", "prior.log().sum()")
        ),
        "the third value is the whole mean KL, with I and TC in it.": mistaken(
            three_terms,
            (
                "return information,",
                "dimension_wise = dimension_wise + total_correlation + information\n"
                "    return information,",
            ),
        ),
        "the third term is about the heap; these are the single images' KLs, averaged.": (
            _terms_per_image
        ),
        "the total correlation is that of the heap, not the images' own, averaged.": (
            _terms_correlation_per_image
        ),
        "this compares the heap with the prior; TC compares it with its own marginals.": mistaken(
            three_terms,
            (
                "return information,",
                "total_correlation = total_correlation + dimension_wise\n    return information,",
            ),
        ),
        "the entropies of the latents add up; they are not averaged.": mistaken(
            three_terms,
            (
                "sum(entropy(p) for p in marginals) - entropy(heap)",
                "sum(entropy(p) for p in marginals) / 3 - entropy(heap)",
            ),
        ),
        "the heap is the mean of the tables, not their sum.": mistaken(
            three_terms, ("q.mean(0)", "q.sum(0)")
        ),
        "the heap adds up to N: it is the mean of the tables, not their sum.": _of_summed_heap,
        "the marginals were taken as means; summing the others out is a sum.": mistaken(
            three_terms,
            (
                "(heap.sum((1, 2)), heap.sum((0, 2)), heap.sum((0, 1)))",
                "(heap.mean((1, 2)), heap.mean((0, 2)), heap.mean((0, 1)))",
            ),
        ),
        "the information is about the image: each table counts, not their entropy at the "
        "mean.": mistaken(
            three_terms, ("sum(entropy(table) for table in q) / len(q)", "entropy(heap)")
        ),
    },
    hints=(
        "Which distributions are there? The heap, its marginals, and one table for each image.",
        (
            "I and TC are differences of entropies, as for two latents. Only the third term knows "
            "the prior, and there log p(z_j) is no constant any more."
        ),
        "heap = q.mean(0); first = heap.sum((1, 2))   # q(z1), the other latents summed out",
    ),
)


# 3.4 Find the bug: a total correlation of -11


def log_q_stratified(log_q: Tensor, dataset_size: int) -> Tensor:
    """log q̂(z) of each code in a minibatch by stratified sampling, [B].

    log_q: [B, B], log q(z_i | image m) of code i (row) under the posterior of image m (column);
    code i came from image i. The own image has the weight 1/N, each other one (N - 1) /
    (N (B - 1)), with N = dataset_size and B >= 2. Densities may be too small for exp.
    """
    batch = len(log_q)

    # The weight of image m in row i. On the diagonal a code meets its own image.
    other = (dataset_size - 1) / (dataset_size * (batch - 1))
    weights = torch.full_like(log_q, other)  # [B, B]
    weights.fill_diagonal_(1 / dataset_size)

    # The weighted sum over the images, in logarithms, because many densities round to 0.
    return torch.logsumexp(log_q + weights.log(), dim=1)  # [B]


def _log_densities(rng: np.random.Generator) -> dict[str, tuple]:
    """(log_q [B, B], dataset_size) of six minibatches."""
    cases = {}
    for batch, size in ((2, 5), (3, 4), (5, 60), (8, 737_280)):
        log_q = torch.from_numpy(rng.normal(-3, 2, (batch, batch)))
        cases[f"{batch} of {size} images"] = (log_q, size)

    far = torch.from_numpy(rng.normal(-900, 2, (3, 3)))
    cases["densities too small for exp"] = (far, 100)
    alike = torch.full((3, 3), -2.0 + rng.normal(), dtype=torch.float64)
    cases["all densities alike"] = (alike, 50)
    cases["a batch that is the whole data set"] = (torch.from_numpy(rng.normal(-3, 2, (4, 4))), 4)
    scattered = torch.from_numpy(rng.normal(-3, 2, (3, 3)))
    scattered[1] -= 900
    cases["one code far from all images"] = (scattered, 100)
    lost = torch.from_numpy(rng.normal(-3, 2, (3, 3))) - 900 * torch.eye(3)
    cases["a code far from its own image"] = (lost, 100)
    log_q, _ = cases["5 of 60 images"]
    cases["single precision"] = (log_q.float(), 60)
    return cases


# What is written in place of a line, the smallest batch that shows it, and what hides it.
_LINES = {
    "weights": "torch.full_like(log_q, (dataset_size - 1) / (dataset_size * (batch - 1)))",
    "own": "weights.fill_diagonal_(1 / dataset_size)",
    "end": "torch.logsumexp(log_q + weights.log(), dim=1)",
}
_TWO = "([[0.0, 0.0], [0.0, 0.0]], 5)"
_UNEVEN = "([[0.0, 0.0], [-2.0, 0.0]], 5)"


def _even(log_q: Tensor, dataset_size: int) -> bool:
    return bool((log_q == log_q[0, 0]).all())


def _whole(log_q: Tensor, dataset_size: int) -> bool:
    return bool(dataset_size == len(log_q))


def _first_is_own(log_q: Tensor, dataset_size: int) -> bool:
    return bool((log_q[:, 0] == log_q.diagonal()).all())


_HAT_BUGS: tuple[tuple[dict[str, str], str, dict[str, Callable[..., bool]]], ...] = (
    (
        {"own": "weights[:, 0] = 1 / dataset_size"},
        _UNEVEN,
        {
            "Where all densities are alike nothing can show.": _even,
            "If the batch is the whole data set, all weights are alike.": _whole,
            "In every row the first column holds the same density as the own image, so it does not "
            "show which of the two has its weight.": _first_is_own,
        },
    ),
    (
        {"weights": "torch.full_like(log_q, 1 / (dataset_size * batch))"},
        _TWO,
        {},
    ),
    (
        {"end": "torch.logsumexp(log_q + weights.log(), dim=0)"},
        _UNEVEN,
        {"Where all densities are alike rows and columns are.": _even},
    ),
    (
        {"end": "(weights * log_q.exp()).sum(1).log()"},
        "([[-900.0, -900.0], [-900.0, -900.0]], 5)",
        {
            "Densities as large as these survive exp.": lambda log_q, n: bool(
                (log_q > -300).any(1).all()
            )
        },
    ),
    (
        {"end": "torch.logsumexp(log_q + weights, dim=1)"},
        _TWO,
        {},
    ),
)


def _no_batch(*parts: Any) -> str | None:
    """Why something is no minibatch; None if it is one."""
    log_q, dataset_size = parts
    if isinstance(dataset_size, Tensor) and dataset_size.ndim == 2:
        return "log_q comes first, then dataset_size."
    if isinstance(log_q, Tensor) and log_q.ndim == 1 and isinstance(dataset_size, Tensor):
        return "these are the rows of log_q; dataset_size is missing."
    if not isinstance(log_q, Tensor) or log_q.ndim != 2 or log_q.shape[0] != log_q.shape[1]:
        return "log_q is a square table, [B, B]."
    if len(log_q) < 2:
        return "with one image there are no others: B is at least 2."
    if not torch.isfinite(log_q).all():
        return "there is NaN or an infinite number in it; for log 0 write -1000."
    if not isinstance(dataset_size, (int, float)) or dataset_size % 1 != 0:
        return "dataset_size is a whole number."
    return None if dataset_size >= len(log_q) else "a batch is not larger than the data set."


def _hat_bug(variant: int) -> Bug:
    """The bug of this variant. The public one is the first."""
    changed, smallest, hidden = _HAT_BUGS[variant % len(_HAT_BUGS)]
    lines = {**_LINES, **changed}
    source = (
        "def buggy_log_q(log_q, dataset_size):\n"
        "    batch = len(log_q)\n"
        f"    weights = {lines['weights']}\n"
        f"    {lines['own']}\n"
        f"    return {lines['end']}"
    )
    names: dict[str, Any] = {"torch": torch}
    exec(source, names)
    return Bug(source, names["buggy_log_q"], log_q_stratified, 5, smallest, hidden)


def _show_hat_bug(variant: int) -> Exercise:
    bug = _hat_bug(variant)
    blind = dict.fromkeys(list(bug.hidden)[:1], lambda: ([[0.0, 0.0], [0.0, 0.0]], 5))
    wide = [[-800 - 0.5 * i * j - 0.2 * j for j in range(3)] for i in range(3)]
    return show_bug(
        Card(
            id="3.4a",
            core=False,
            title="Find the bug: a total correlation of -11",
            difficulty="medium",
            minutes=6,
            purpose=(
                "Published code has had its weights in the wrong places, and trained all the same."
            ),
            hints=(
                "What must log q̂ be if all densities of the batch are alike?",
                (
                    "Two images are enough. Write the four densities so that it matters which "
                    "weight stands where: own image or other, row or column, near or far."
                ),
                "log_q, dataset_size = [[a, b], [c, d]], 5   # log q̂ of both codes, by hand",
            ),
        ),
        "batch_that_shows_it",
        """The minibatch with the fewest numbers that shows the bug: (log_q, dataset_size).

    log_q: [B, B] with B >= 2, as a tensor or nested lists, without infinite numbers.
    dataset_size: a whole number, at least B.
    """,
        ("log_q", "dataset_size"),
        bug,
        _no_batch,
        blind
        | {
            "5 are enough": lambda: (wide, 50),
            "give 2 things, as a tuple": lambda: 3.0,
            "log_q is a square table": lambda: ([0.0, 1.0], 5),
            "B is at least 2": lambda: ([[0.0]], 5),
            "a batch is not larger": lambda: ([[0.0, 0.0], [0.0, 0.0]], 1),
            "dataset_size is a whole number": lambda: ([[0.0, 0.0], [0.0, 0.0]], math.inf),
            "log_q comes first": lambda: (5, [[0.0, 0.0], [0.0, 0.0]]),
        },
    )


_LOG_Q = Exercise(
    id="3.4b",
    kind="bug",
    core=False,
    title="The repair",
    difficulty="medium",
    minutes=8,
    purpose="Every step of a β-TCVAE needs it.",
    reference=log_q_stratified,
    draw=_log_densities,
    parts=("log q̂",),
    meaning={
        "all densities alike": (
            "the weights of a row add up to 1, so where all densities are alike log q̂ is that "
            "log density."
        ),
        "a batch that is the whole data set": (
            "with the whole data set in the batch every weight is 1/N, and log q̂ is the logarithm "
            "of the plain mean."
        ),
    },
    trains=("log_q",),
    wrong_answers={
        "this is the mean over the batch, weight 1/B on each; the own image then counts N/B times "
        "as much as it should.": mistaken(
            log_q_stratified,
            ("torch.full_like(log_q, other)", "torch.full_like(log_q, 1 / batch)"),
            ("    weights.fill_diagonal_(1 / dataset_size)\n", ""),
        ),
        "this is weighted sampling, 1/(N B) on each; the question is for stratified "
        "sampling.": mistaken(
            log_q_stratified,
            ("torch.full_like(log_q, other)", "torch.full_like(log_q, 1 / (batch * dataset_size))"),
            ("    weights.fill_diagonal_(1 / dataset_size)\n", ""),
        ),
        "all images have the weight of the others; the own one has 1/N.": mistaken(
            log_q_stratified, ("    weights.fill_diagonal_(1 / dataset_size)\n", "")
        ),
        "the weight 1/N stands in the first column; it belongs on the diagonal, where code i meets "
        "its own image.": mistaken(
            log_q_stratified,
            ("weights.fill_diagonal_(1 / dataset_size)", "weights[:, 0] = 1 / dataset_size"),
        ),
        "the two weights were exchanged: the own image has 1/N.": mistaken(
            log_q_stratified,
            ("torch.full_like(log_q, other)", "torch.full_like(log_q, 1 / dataset_size)"),
            ("fill_diagonal_(1 / dataset_size)", "fill_diagonal_(other)"),
        ),
        "the exponential was taken before the sum and became 0; use torch.logsumexp.": mistaken(
            log_q_stratified,
            (
                "torch.logsumexp(log_q + weights.log(), dim=1)",
                "(weights * log_q.exp()).sum(1).log()",
            ),
        ),
        "the others have the weight (N - 1) / (N B); there are B - 1 of them, not B.": mistaken(
            log_q_stratified, ("(batch - 1))", "batch)")
        ),
        "the others together stand for N - 1 images, not for N.": mistaken(
            log_q_stratified, ("(dataset_size - 1) /", "dataset_size /")
        ),
        "the sum went over the codes; for each code (row) sum over the images (columns).": mistaken(
            log_q_stratified, ("dim=1", "dim=0")
        ),
        "the weights were added to log densities; their logarithms belong there.": mistaken(
            log_q_stratified, ("weights.log()", "weights")
        ),
        "the weights are missing: this is the logarithm of the plain sum.": mistaken(
            log_q_stratified, ("log_q + weights.log()", "log_q")
        ),
        "the log densities were multiplied by the weights; a weight of a density is added to its "
        "logarithm, as a logarithm.": mistaken(
            log_q_stratified, ("log_q + weights.log()", "log_q * weights")
        ),
        "the logarithms of the weights are to base 2.": mistaken(
            log_q_stratified, ("weights.log()", "weights.log2()")
        ),
        "the weights are shares of the data set and add up to 1; their 1/N is missing.": mistaken(
            log_q_stratified, ("weights.log()", "(weights * dataset_size).log()")
        ),
        "the largest log density was subtracted before exp, and not added afterwards.": mistaken(
            log_q_stratified,
            (
                "torch.logsumexp(log_q + weights.log(), dim=1)",
                "(weights * (log_q - log_q.amax(1, keepdim=True)).exp()).sum(1).log()",
            ),
        ),
        "the largest of all log densities was subtracted; each code needs the largest of its own "
        "row.": mistaken(
            log_q_stratified,
            (
                "torch.logsumexp(log_q + weights.log(), dim=1)",
                "(weights * (log_q - log_q.max()).exp()).sum(1).log() + log_q.max()",
            ),
        ),
        **{
            f"{small:g} was added to a density that is far smaller, or put in its place; use "
            "torch.logsumexp.": mistaken(
                log_q_stratified,
                (
                    "torch.logsumexp(log_q + weights.log(), dim=1)",
                    f"((weights * log_q.exp()).sum(1) + {small}).log()",
                ),
            )
            for small in (1e-8, 1e-10, 1e-12, 1e-20, 1e-30)
        },
        "the own image was left out; it counts with the weight 1/N.": mistaken(
            log_q_stratified, ("fill_diagonal_(1 / dataset_size)", "fill_diagonal_(0.0)")
        ),
        "the own image counts twice: with its own weight, and as one of the others.": mistaken(
            log_q_stratified,
            ("fill_diagonal_(1 / dataset_size)", "fill_diagonal_(1 / dataset_size + other)"),
        ),
        "the others have the weight (N - 1) / N together; each has its share of it, 1/(B - 1).": (
            mistaken(log_q_stratified, ("(dataset_size * (batch - 1))", "dataset_size"))
        ),
        "the logarithms were averaged; the densities have to be.": mistaken(
            log_q_stratified,
            ("torch.logsumexp(log_q + weights.log(), dim=1)", "(weights * log_q).sum(1)"),
        ),
        "the codes were averaged; each has a log q̂ of its own.": mistaken(
            log_q_stratified, ("dim=1)", "dim=1).mean()")
        ),
        "no gradient by log_q: it is not used, or was cut off": mistaken(
            log_q_stratified, ("dim=1)", "dim=1).detach()")
        ),
        "the own image has the weight 1/N, not 1/B.": mistaken(
            log_q_stratified, ("fill_diagonal_(1 / dataset_size)", "fill_diagonal_(1 / batch)")
        ),
        "the own image has the weight 1/N, not 1.": mistaken(
            log_q_stratified, ("fill_diagonal_(1 / dataset_size)", "fill_diagonal_(1.0)")
        ),
        "besides the own image N - 1 remain, not N - B.": mistaken(
            log_q_stratified, ("(dataset_size - 1) /", "(dataset_size - batch) /")
        ),
        "a bracket is missing: it is divided by N and by B - 1.": mistaken(
            log_q_stratified,
            ("(dataset_size * (batch - 1))", "dataset_size * (batch - 1)"),
        ),
        "the weight 1/N stands in the last column; it belongs on the diagonal.": mistaken(
            log_q_stratified,
            ("weights.fill_diagonal_(1 / dataset_size)", "weights[:, -1] = 1 / dataset_size"),
        ),
        "the weight 1/N stands in the first row; it belongs on the diagonal.": mistaken(
            log_q_stratified,
            ("weights.fill_diagonal_(1 / dataset_size)", "weights[0] = 1 / dataset_size"),
        ),
        "this is the own image alone; the others stand for the rest of the data set.": mistaken(
            log_q_stratified,
            (
                "torch.logsumexp(log_q + weights.log(), dim=1)",
                "log_q.diagonal() - torch.tensor(float(dataset_size)).log()",
            ),
        ),
        "the largest term was taken for the whole sum.": mistaken(
            log_q_stratified,
            ("torch.logsumexp(log_q + weights.log(), dim=1)", "(log_q + weights.log()).amax(1)"),
        ),
        "these are the uneven weights of the paper's own code: right on average, but not those of "
        "the formula.": mistaken(
            log_q_stratified,
            (
                "weights.fill_diagonal_(1 / dataset_size)",
                "weights = torch.full_like(log_q, 1 / max(batch - 1, 1))\n"
                "    weights.view(-1)[::batch] = 1 / dataset_size\n"
                "    weights.view(-1)[1::batch] = (dataset_size - batch + 1) / "
                "(dataset_size * (batch - 1))\n"
                "    weights[-1 if batch < 2 else batch - 2, 0] = (dataset_size - batch + 1) / "
                "(dataset_size * (batch - 1))",
            ),
        ),
        "the logarithm is to base 2.": mistaken(
            log_q_stratified, ("dim=1)", "dim=1) / torch.log(torch.tensor(2.0).to(log_q))")
        ),
    },
    hints=(
        "Where in the table is code i paired with the image that it came from?",
        (
            "A weighted sum of densities, in logarithms: logsumexp(log density "
            "+ log weight), over the images."
        ),
        (
            "weights = torch.full_like(log_q, "
            "(dataset_size - 1) / (dataset_size * (batch - 1))).fill_diagonal_(1 / dataset_size)"
        ),
    ),
)


# 3.5 Which of three: why is this total correlation negative?


def why_negative(reported: float, log_q: Tensor, dataset_size: int) -> str:
    """Which of three reasons made this total correlation: "missing constant", "weight per latent"
    or "sampling error".

    log_q: [B, B, D], log q(z_ij | image m): code i, image m, latent j. With log q̂ by a weight on
    each image,
      "missing constant": the weight is 1 everywhere, and log(B N) was subtracted nowhere;
      "weight per latent": the stratified weights, added to the log density of every latent before
        these are added up;
      "sampling error": the stratified weights where they belong: once in the sum for log q̂(z_i),
        and once in each sum for log q̂(z_ij).
    In all three, reported = mean over i of [log q̂(z_i) - Σ_j log q̂(z_ij)].
    """
    batch = len(log_q)

    # The stratified weights: 1/N for the own image.
    other = (dataset_size - 1) / (dataset_size * (batch - 1))
    weights = torch.full_like(log_q[:, :, 0], other)  # [B, B]
    weights.fill_diagonal_(1 / dataset_size)
    log_weights = weights.log()  # [B, B]

    # The mean of log q̂(z) - Σ_j log q̂(z_j), from joint [B, B] and single [B, B, D].
    def total_correlation(joint, single):
        return (joint.logsumexp(1) - single.logsumexp(1).sum(1)).mean()

    # What each of the three reports.
    joint = log_q.sum(2)  # [B, B]
    weighted = log_q + log_weights[:, :, None]  # [B, B, D]
    candidates = {
        "missing constant": total_correlation(joint, log_q),
        "weight per latent": total_correlation(weighted.sum(2), weighted),
        "sampling error": total_correlation(joint + log_weights, weighted),
    }

    # The one that comes closest to the number in the log file.
    return min(candidates, key=lambda reason: abs(candidates[reason] - reported))


def _reports(rng: np.random.Generator) -> dict[str, tuple]:
    """(reported, log_q, dataset_size) of nine negative values: three for each reason, mixed."""
    reasons = ("missing constant", "weight per latent", "sampling error")
    cases = {}
    for place, number in enumerate(rng.permutation(9), 1):
        # Of honest estimates the most negative of many, of bugs the least: size tells nothing then.
        reason = reasons[number % 3]
        if reason == "sampling error":
            batches = [_minibatch(rng) for _ in range(80)]
            log_q, dataset_size = min(batches, key=lambda b: _total_correlation(reason, *b))
        else:
            batches = [_minibatch(rng) for _ in range(12)]
            least = max(batches, key=lambda b: _total_correlation(reason, *b))
            log_q, dataset_size = _confusing(*least)

        # In one of them a latent is so narrow that no density survives exp.
        if number == 4:
            log_q = log_q - 900
        reported = _total_correlation(reason, log_q, dataset_size)
        cases[f"log file {place}"] = (reported, log_q, dataset_size)
    return cases


def _minibatch(rng: np.random.Generator) -> tuple[torch.Tensor, int]:
    """(log_q [B, B, D], dataset_size) of codes drawn from Gaussian posteriors."""
    batch = int(rng.integers(4, 9))
    latents = int(rng.integers(2, 4))
    dataset_size = int(rng.integers(50, 2000))

    # A code for each posterior.
    mu, logvar = torch.from_numpy(rng.normal(0, 1, (2, batch, latents)))  # [B, D], [B, D]
    noise = torch.from_numpy(rng.normal(0, 1, (batch, latents)))
    z = mu + torch.exp(0.5 * logvar) * noise  # [B, D]

    # The log density of every code under every posterior, latent by latent.
    scaled = (z[:, None] - mu) ** 2 * torch.exp(-logvar)  # [B, B, D]
    return -0.5 * (scaled + logvar + math.log(2 * math.pi)), dataset_size


def _confusing(log_q: torch.Tensor, dataset_size: int) -> tuple[torch.Tensor, int]:
    """The minibatch with a size of the data set for which the two bugs report nearly the same."""

    def apart(size: int) -> float:
        missing = _total_correlation("missing constant", log_q, size)
        return abs(_total_correlation("weight per latent", log_q, size) - missing)

    # Not quite the same, since nobody could tell them apart then.
    sizes = [n for n in range(2 * len(log_q), 400, 7) if apart(n) > 0.01]
    return log_q, min(sizes, key=apart, default=dataset_size)


def _total_correlation(reason: str, log_q: torch.Tensor, dataset_size: int) -> float:
    """The total correlation that is reported for this reason."""
    batch = len(log_q)

    # The stratified weights; with the constant missing, a weight of 1 everywhere.
    other = (dataset_size - 1) / (dataset_size * (batch - 1))
    weights = torch.full((batch, batch), other, dtype=torch.float64)
    weights.fill_diagonal_(1 / dataset_size)
    log_weights = weights.log()[:, :, None]  # [B, B, 1]
    if reason == "missing constant":
        log_weights = torch.zeros_like(log_weights)

    # The joint density gets the weight once, or, with the bug, once a latent.
    weighted = log_q + log_weights  # [B, B, D]
    if reason == "weight per latent":
        joint = weighted.sum(2)  # [B, B]
    else:
        joint = log_q.sum(2) + log_weights[:, :, 0]  # [B, B]
    return (joint.logsumexp(1) - weighted.logsumexp(1).sum(1)).mean().item()


_WHY_NEGATIVE = Exercise(
    id="3.5",
    kind="write",
    core=False,
    title="Which of three: why is this total correlation negative?",
    difficulty="hard",
    minutes=25,
    purpose=(
        "A total correlation is never negative, "
        "but printed ones often are, mostly for one of three reasons."
    ),
    reference=why_negative,
    draw=_reports,
    parts=("reason",),
    meaning={
        f"log file {place}": (
            "print the three candidates beside `reported`: one of them is the same number, but for "
            "its last digits (so compare the distances, not with ==); where none is, a candidate "
            "is not the docstring's."
        )
        for place in range(1, 10)
    },
    wrong_answers={
        "you decided by the size of the number; compute the three candidates and "
        "compare.": lambda reported, log_q, dataset_size: (
            ("weight per latent" if reported < -1.5 else "missing constant")
            if reported < -0.95
            else "sampling error"
        ),
        "the two bugs were told apart by the size of the number; compute both.": (
            lambda reported, log_q, dataset_size: (
                ("missing constant" if reported < -2 else "weight per latent")
                if reported < -1
                else "sampling error"
            )
        ),
        **{
            f"your function says `{always}` every time. Which of its candidates is never, or "
            "always, the nearest? Compare each with the docstring's.": (
                lambda reported, log_q, dataset_size, always=always: always
            )
            for always in ("missing constant", "weight per latent", "sampling error")
        },
        **{
            f"your function never says `{never}`: is this candidate computed as the docstring "
            "says, and is the *nearest* candidate taken?": mistaken(
                why_negative, (f'        "{never}": total_correlation({how}),\n', "")
            )
            for never, how in (
                ("missing constant", "joint, log_q"),
                ("weight per latent", "weighted.sum(2), weighted"),
                ("sampling error", "joint + log_weights, weighted"),
            )
        },
        **{
            f'the answer is the reason\'s name, such as "sampling error", not its number from '
            f"{first} on.": mistaken(
                why_negative,
                (
                    "return min(candidates",
                    f"return {first} + list(candidates).index(min(candidates",
                ),
                ("- reported))", "- reported)))"),
            )
            for first in (0, 1)
        },
        "the two bugs were exchanged.": mistaken(
            why_negative,
            ('"missing constant": total', '"swapped": total'),
            ('"weight per latent": total', '"missing constant": total'),
            ('"swapped": total', '"weight per latent": total'),
        ),
        "the constant was subtracted; in this log it is missing.": mistaken(
            why_negative,
            (
                '"missing constant": total_correlation(joint, log_q)',
                '"missing constant": total_correlation(joint, log_q)\n'
                "        + math.log(batch * dataset_size)",
            ),
        ),
        "weight per latent and sampling error were exchanged.": mistaken(
            why_negative,
            ('"weight per latent": total', '"swapped": total'),
            ('"sampling error": total', '"weight per latent": total'),
            ('"swapped": total', '"sampling error": total'),
        ),
        "only the first code was counted; the mean is over all.": mistaken(
            why_negative, ("sum(1)).mean()", "sum(1))[0]")
        ),
        "the codes were added up; `reported` is their mean.": mistaken(
            why_negative, ("sum(1)).mean()", "sum(1)).sum()")
        ),
        "the farthest candidate was taken.": mistaken(why_negative, ("return min(", "return max(")),
        "the lowest candidate was taken, not the nearest: the distance is an absolute "
        "value.": mistaken(
            why_negative, ("abs(candidates[reason] - reported)", "candidates[reason]")
        ),
        "the sign is turned: it is log q̂(z) minus the sum over the latents.": mistaken(
            why_negative,
            (
                "joint.logsumexp(1) - single.logsumexp(1).sum(1)",
                "single.logsumexp(1).sum(1) - joint.logsumexp(1)",
            ),
        ),
        "the sum for log q̂ runs over the images, the second axis; these are the codes.": mistaken(
            why_negative,
            (
                "joint.logsumexp(1) - single.logsumexp(1)",
                "joint.logsumexp(0) - single.logsumexp(0)",
            ),
        ),
        "over the latents a sum belongs, not a mean.": mistaken(
            why_negative, ("single.logsumexp(1).sum(1)", "single.logsumexp(1).mean(1)")
        ),
        "the weight 1/N belongs on the diagonal, not in the first column.": mistaken(
            why_negative,
            ("weights.fill_diagonal_(1 / dataset_size)", "weights[:, 0] = 1 / dataset_size"),
        ),
        "dataset_size is not used: N is the number of all images, not of the batch.": mistaken(
            why_negative, ("    batch = len(log_q)\n", "    batch = dataset_size = len(log_q)\n")
        ),
        "the two weights were exchanged: the own image has 1/N.": mistaken(
            why_negative,
            (
                "torch.full_like(log_q[:, :, 0], other)",
                "torch.full_like(log_q[:, :, 0], 1 / dataset_size)",
            ),
            ("weights.fill_diagonal_(1 / dataset_size)", "weights.fill_diagonal_(other)"),
        ),
        "the weights were added to logarithms; their logarithms belong there.": mistaken(
            why_negative, ("weights.log()", "weights")
        ),
        "each sum of a latent has the weight, too.": mistaken(
            why_negative,
            (
                "total_correlation(joint + log_weights, weighted)",
                "total_correlation(joint + log_weights, log_q)",
            ),
        ),
    },
    hints=(
        "Three numbers could have been reported. Can you compute all of them from log_q?",
        (
            "Only two places differ: which weights there are, "
            "and whether they are added before or after the sum over latents."
        ),
        (
            "joint = (log_q + log_weights[:, :, None]).sum(2)   "
            '# the bug "weight per latent": D weights where one belongs'
        ),
    ),
)


# 3.6 The total correlation of Gaussian latents


def gaussian_total_correlation(covariance: Tensor) -> Tensor:
    """The total correlation of Gaussian latents with this covariance, [D, D], one number; D >= 1.

    D may be so large that a determinant rounds to 0.
    """
    return 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))


def _covariances(rng: np.random.Generator) -> dict[str, tuple]:
    """(covariance [D, D],) of seven codes."""
    cases = {}
    for d in (2, 3, 5):
        mixing = torch.from_numpy(rng.normal(0, 1, (d, d))) + torch.eye(d)
        scale = torch.from_numpy(rng.uniform(0.3, 3, d))
        covariance = (mixing @ mixing.T + 0.3 * torch.eye(d)) * torch.outer(scale, scale)
        cases[f"{d} latents"] = (covariance,)

    a, b = rng.uniform(0.3, 3, 2)
    cases["independent latents"] = (torch.diag(torch.tensor([a, b], dtype=torch.float64)),)
    cases["a single latent"] = (torch.tensor([[a]], dtype=torch.float64),)
    pair = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    cases["two latents of variance 1, correlation 0.6"] = (pair,)
    many = 1e-4 * (0.1 * torch.eye(400, dtype=torch.float64) + 0.9)
    cases["400 narrow latents"] = (many,)
    (covariance,) = cases["2 latents"]
    cases["single precision"] = (covariance.float(),)
    return cases


_GAUSSIAN = Exercise(
    id="3.6",
    kind="write",
    core=False,
    title="The total correlation of Gaussian latents",
    difficulty="medium",
    minutes=10,
    purpose="It is a case with a formula, and so a yardstick for estimates.",
    reference=gaussian_total_correlation,
    draw=_covariances,
    parts=("TC",),
    meaning={
        "independent latents": "independent latents have a total correlation of 0.",
        "a single latent": "a single latent depends on no other: its total correlation is 0.",
        "two latents of variance 1, correlation 0.6": (
            "two latents with a correlation of 0.6: -log(1 - 0.36) / 2 = 0.223."
        ),
    },
    wrong_answers={
        "the factor 1/2 is missing.": mistaken(gaussian_total_correlation, ("0.5 * (", "(")),
        "the sign is turned; a total correlation is never negative.": mistaken(
            gaussian_total_correlation, ("return 0.5", "return -0.5")
        ),
        "the variances are missing: rescaling a latent must not matter.": mistaken(
            gaussian_total_correlation, ("covariance.diagonal().log().sum()", "0")
        ),
        "the determinant was taken before the logarithm, and rounded to 0; use "
        "torch.logdet.": mistaken(
            gaussian_total_correlation, ("torch.logdet(covariance)", "torch.det(covariance).log()")
        ),
        "the product of the variances rounded to 0; add up their logarithms.": mistaken(
            gaussian_total_correlation, ("diagonal().log().sum()", "diagonal().prod().log()")
        ),
        "this is the entropy of the latents together; those of the single ones are "
        "missing.": mistaken(
            gaussian_total_correlation,
            (
                "0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))",
                "0.5 * (len(covariance) * math.log(2 * math.pi * math.e) "
                "+ torch.logdet(covariance))",
            ),
        ),
        "these are the entropies of the single latents, added up; that of all together is "
        "missing.": mistaken(
            gaussian_total_correlation,
            (
                "- torch.logdet(covariance)",
                "+ len(covariance) * math.log(2 * math.pi * math.e)",
            ),
        ),
        "the joint entropy has the 2πe D times, too: det(2πe C) is (2πe)^D det C.": mistaken(
            gaussian_total_correlation,
            (
                "- torch.logdet(covariance)",
                "- torch.logdet(covariance) "
                "+ math.log(2 * math.pi * math.e) * (len(covariance) - 1)",
            ),
        ),
        "the 2πe stands in the joint entropy alone; the single ones have it, too.": mistaken(
            gaussian_total_correlation,
            ("logdet(covariance)", "logdet(2 * math.pi * math.e * covariance)"),
        ),
        "the variances' logarithms have still to be added up, before log det C is "
        "subtracted.": mistaken(
            gaussian_total_correlation, ("diagonal().log().sum()", "diagonal().log()")
        ),
        "the product of the variances and the determinant rounded to 0 both; add up logarithms, "
        "and use torch.logdet.": mistaken(
            gaussian_total_correlation,
            ("diagonal().log().sum()", "diagonal().prod().log()"),
            ("torch.logdet(covariance)", "torch.det(covariance).log()"),
        ),
        "a single latent depends on no other; for it there is no case of its own.": mistaken(
            gaussian_total_correlation,
            (
                "return 0.5",
                "if len(covariance) == 1:\n"
                "        return 0.5 * (2 * math.pi * math.e * covariance[0, 0]).log()\n"
                "    return 0.5",
            ),
        ),
        **{
            f"{small:g} was added to the variances; narrow latents have no more than "
            "that.": mistaken(
                gaussian_total_correlation,
                (
                    "return 0.5",
                    f"covariance = covariance + {small} * torch.eye(len(covariance))\n"
                    "    return 0.5",
                ),
            )
            for small in (1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
        },
        "only the first two latents were compared.": mistaken(
            gaussian_total_correlation,
            ("return 0.5", "covariance = covariance[:2, :2]\n    return 0.5"),
        ),
        "these are the pairs' informations added up, which is less than all that the latents "
        "share, or more.": mistaken(
            gaussian_total_correlation,
            (
                "return 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))",
                "s = covariance.diagonal().sqrt()\n"
                "    r = covariance / torch.outer(s, s)\n"
                "    return -0.5 * torch.log1p(-(r.tril(-1) ** 2)).sum()",
            ),
        ),
        "the first value of slogdet is the determinant's sign; the second is its "
        "logarithm.": mistaken(
            gaussian_total_correlation,
            ("torch.logdet(covariance)", "torch.slogdet(covariance)[0]"),
        ),
        "the variances were taken for standard deviations.": mistaken(
            gaussian_total_correlation, ("diagonal().log()", "diagonal().square().log()")
        ),
        "the variances of the latents are averaged; their logarithms add up.": mistaken(
            gaussian_total_correlation, ("diagonal().log().sum()", "diagonal().log().mean()")
        ),
        "the values are in bits.": mistaken(
            gaussian_total_correlation, ("0.5 * (", "0.5 / math.log(2) * (")
        ),
        "this is the logarithm of the sum of the variances, not the sum of their "
        "logarithms.": mistaken(
            gaussian_total_correlation, ("diagonal().log().sum()", "diagonal().sum().log()")
        ),
        "the trace stands where the logarithms of the variances belong.": mistaken(
            gaussian_total_correlation, ("diagonal().log().sum()", "diagonal().sum()")
        ),
        "standard deviations stand where variances belong.": mistaken(
            gaussian_total_correlation, ("diagonal().log().sum()", "diagonal().sqrt().log().sum()")
        ),
        "this is half of log det C, as a Cholesky factor or a root of C has it.": mistaken(
            gaussian_total_correlation,
            (
                "torch.logdet(covariance)",
                "torch.linalg.cholesky(covariance).diagonal().log().sum()",
            ),
        ),
        "the 2πe does not cancel if it is taken once: each of the D entropies has it.": mistaken(
            gaussian_total_correlation,
            (
                "- torch.logdet(covariance)",
                "- torch.logdet(covariance) "
                "+ math.log(2 * math.pi * math.e) * (1 - len(covariance))",
            ),
        ),
        "this is the KL to a standard normal; TC compares with the latents' own "
        "marginals.": mistaken(
            gaussian_total_correlation,
            ("covariance.diagonal().log().sum()", "covariance.diagonal().sum() - len(covariance)"),
        ),
        "the precision matrix stands where the covariance belongs.": mistaken(
            gaussian_total_correlation,
            ("return 0.5", "covariance = torch.linalg.inv(covariance)\n    return 0.5"),
        ),
        "every pair was counted twice.": mistaken(
            gaussian_total_correlation,
            (
                "return 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance))",
                "s = covariance.diagonal().sqrt()\n"
                "    r = covariance / torch.outer(s, s)\n"
                "    return -torch.log1p(-(r.tril(-1) ** 2)).sum()",
            ),
        ),
    },
    hints=(
        "What may not change the answer: rescaling one latent? Turning all of them?",
        (
            "TC = Σ_j H(z_j) - H(z), and a Gaussian has H = log det(2πe C) / 2. What happens to "
            "the 2πe, and what is the determinant of a single variance?"
        ),
        "single = covariance.diagonal().log()   # [D]",
    ),
)


def exercises(variant: int = 0) -> tuple[Exercise, ...]:
    """The exercises in their order.

    variant: 0 for those of the public notebook, else other numbers, lines and bugs.
    """
    return (
        _spent(variant),
        _split_in_order(variant),
        _THREE_TERMS,
        _show_hat_bug(variant),
        _LOG_Q,
        _WHY_NEGATIVE,
        _GAUSSIAN,
    )


QUIZZES = {
    "3.A": (
        "A trained VAE trains on with one weight raised. Which one costs the most reconstruction?",
        "A",
        {
            "α, on the mutual information": (
                "the least distortion of a free decoder is log N - I(z;n), "
                "and that of a network follows I(z;n) too, with a slope of its own"
            ),
            "β, on the total correlation": (
                "relabelling the codes can remove it for free; "
                "with diagonal Gaussian posteriors a little of I(z;n) is lost"
            ),
            "γ, on the dimension-wise KL": (
                "a latent can be on the prior in the heap and still differ from image to image"
            ),
        },
    ),
    "3.B": (
        "A model's total correlation is 0. Is it disentangled?",
        "C",
        {
            "yes, that is the definition": "independent latents may each mix several factors",
            "yes, if the reconstruction is good too": (
                "with its Gaussian codes rotated it reconstructs as well and mixes the factors"
            ),
            "not necessarily": (
                "rotate isotropic Gaussian codes: "
                "the total correlation stays 0 and every latent mixes two factors "
                "(for other distributions a non-linear map does the same)"
            ),
        },
    ),
}

# The first version is public; a course gets another one.
WRITTEN = {
    "3.7": (
        InWords(
            words=(30, 110),
            question=(
                "A paper reports TC = 0.00 for its model and calls it disentangled. In three "
                "sentences: what the number says, a model with the same number that mixes two "
                "factors, and what you would ask the authors to show."
            ),
            rubric=(
                (
                    "TC = 0 says that the latents of the heap are independent, and nothing of "
                    "factors."
                ),
                (
                    "An example: two isotropic Gaussian latents turned by 45 degrees stay "
                    "independent and each mixes both; or a code that says nothing at all."
                ),
                (
                    "Something that looks at factors, or at pictures: a table of information "
                    "between latents and factors, MIG or DCI with the chance level, "
                    "traversals; and the error, since a silent code has TC 0."
                ),
            ),
            model=(
                "TC = 0 says that over all images the latents are independent of each other, "
                "so none repeats another, and it says nothing about what each of them means. "
                "Turn two isotropic Gaussian latents by 45 degrees: they are as independent as "
                "before, the pictures can be drawn as well as before, and each latent now "
                "mixes both factors; a code that is silent has TC = 0 too. I would ask for the "
                "error, for the table of information between latents and factors with what "
                "chance gives beside it, and for traversals."
            ),
        ),
        InWords(
            words=(30, 110),
            question=(
                "With a penalty on the total correlation, TC falls from 2.0 to 0.1 nats and "
                "the reconstruction error grows by 8. The authors write: removing the total "
                "correlation costs 8 nats of error. In three sentences: why this does not "
                "follow, what probably happened, and which table you would ask for."
            ),
            rubric=(
                (
                    "What the best decoder can do depends on I(z;n) alone; a relabelling of "
                    "the codes can remove TC and keep the error."
                ),
                (
                    "Probably information was lost on the way (diagonal posteriors, a latent "
                    "that shut), or the estimate of TC changed with the batch."
                ),
                (
                    "The three terms before and after, I(z;n), TC and Σ KL, beside the error, "
                    "over several seeds."
                ),
            ),
            model=(
                "The least error of any decoder depends on what the code knows, I(z;n), and "
                "not on how its latents hang together: the codes can be relabelled until TC is "
                "0 and be decoded as well as before. Here the network probably lost nats of "
                "I(z;n) while it obeyed the penalty, as a diagonal posterior that has to turn "
                "does, or shut a latent. I would ask for I(z;n), TC and Σ KL with and without "
                "the penalty beside the error, over several seeds and with the same batch."
            ),
        ),
    ),
}
