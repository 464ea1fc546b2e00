"""Homework 3: what is inside the KL term. Symbols as in notebook 03; all values in nats.

For each exercise: its reference, the inputs that an answer is checked on, the known wrong answers,
and its card. A reference stands by itself, because its source is the solution that a learner sees.
Wrong answers are written as a learner writes, without types.
"""

import math

import numpy as np
import torch
from torch import Tensor

from helpers.homework.engine import Exercise

# 3.1 The three terms by enumeration


def three_terms(q: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(I(z;n), TC(z), Σ_j KL(q(z_j) || p(z_j))) of a table q [N, A, B], q(z1, z2 | n), with a
    uniform prior.

    All N images are equally likely. Entries may be 0; 0 log 0 counts as 0.
    """

    def entropy(p):
        return -torch.xlogy(p, p).sum()

    # The aggregated posterior q(z), and its marginals q(z1) and q(z2).
    heap = q.mean(0)  # [A, B]
    first = heap.sum(1)  # [A]
    second = heap.sum(0)  # [B]

    # I(z;n) = H(q(z)) - mean of H(q(z|n)).
    information = entropy(heap) - sum(entropy(table) for table in q) / len(q)

    # TC(z) = H(q(z1)) + H(q(z2)) - H(q(z)).
    total_correlation = entropy(first) + entropy(second) - entropy(heap)

    # A latent's KL to the uniform prior is the log of its size minus its entropy.
    dimension_wise = math.log(len(first)) - entropy(first) + math.log(len(second)) - entropy(second)

    return information, total_correlation, dimension_wise


def _encoder_tables(rng: np.random.Generator) -> list[torch.Tensor]:
    """Five tables q(z1, z2 | n), each [N, A, B]."""
    tables = []
    for n, a, b, concentration in ((4, 2, 2, 1.0), (3, 2, 3, 0.5), (6, 3, 2, 2.0)):
        rows = torch.from_numpy(rng.dirichlet([concentration] * (a * b), n))  # [N, A B]
        tables.append(rows.reshape(n, a, b))

    # Every image has its own code, and zeros elsewhere.
    tables.append(torch.eye(4, dtype=torch.float64).reshape(4, 2, 2))

    # The code knows nothing.
    tables.append(torch.full((3, 2, 2), 0.25, dtype=torch.float64))
    return tables


def _pairs_of_latents(rng: np.random.Generator) -> list[tuple[torch.Tensor]]:
    """(q,) of each table, for 3.1."""
    return [(table,) for table in _encoder_tables(rng)]


def _terms_with_joint_kl(q):
    information, total_correlation, dimension_wise = three_terms(q)
    return information, total_correlation, dimension_wise + total_correlation


def _terms_with_mean_kl(q):
    information, total_correlation, dimension_wise = three_terms(q)
    mean_kl = information + total_correlation + dimension_wise
    return mean_kl, total_correlation, dimension_wise


def _terms_correlation_negative(q):
    information, total_correlation, dimension_wise = three_terms(q)
    return information, -total_correlation, dimension_wise


def _terms_by_plain_logarithm(q):
    heap = q.mean(0)
    first, second = heap.sum(1), heap.sum(0)
    information = (q / len(q) * torch.log(q / heap)).sum()
    total_correlation = (heap * torch.log(heap / torch.outer(first, second))).sum()
    return information, total_correlation, three_terms(q)[2]


def _terms_codes_unweighted(q):
    _, total_correlation, dimension_wise = three_terms(q)
    q_of_n = q / q.sum(0)
    left = -torch.xlogy(q_of_n, q_of_n).sum(0).mean()
    return math.log(len(q)) - left, total_correlation, dimension_wise


THREE_TERMS = Exercise(
    id="3.1",
    title="The three terms by enumeration",
    difficulty="medium",
    minutes=25,
    purpose="It shows what a nat of KL was spent on, exactly.",
    reference=three_terms,
    draw=_pairs_of_latents,
    wrong_answers={
        "the third value is KL(q(z) || p(z)) of the latents together; "
        "the total correlation is counted in it once more.": _terms_with_joint_kl,
        "the first value is the whole mean KL; "
        "mutual information compares q(z|n) with q(z), not with the prior.": _terms_with_mean_kl,
        "the total correlation has its sign turned: "
        "the entropies of the single latents come first.": _terms_correlation_negative,
        "0 log 0 came out as NaN; "
        "torch.xlogy(p, p) is p log p, and 0 where p is 0.": _terms_by_plain_logarithm,
        "the entropies H(q(n|z)) were averaged as if all codes were equally likely; "
        "weigh them with q(z).": _terms_codes_unweighted,
    },
    hints=(
        (
            "Begin with q(z), the mean of the N tables, and its two marginals. "
            "All three terms are entropies of these and of q(z|n)."
        ),
        (
            "I = H(q(z)) - mean of H(q(z|n)); TC = H(q(z1)) "
            "+ H(q(z2)) - H(q(z)); each latent's KL to a uniform prior is log size - H."
        ),
        "heap = q.mean(0); first, second = heap.sum(1), heap.sum(0)",
    ),
)


# 3.2 log q(z) by stratified sampling


def log_q_stratified(log_q: Tensor, dataset_size: int) -> Tensor:
    """log q̂(z) of each code in a minibatch by stratified sampling, [B].

    log_q: [B, B], log q(z_i | image m) of code i (row) under the posterior of image m (column);
    code i came from image i. The own image has the weight 1/N, each other one (N - 1) /
    (N (B - 1)), with N = dataset_size and B >= 2.
    """
    batch = len(log_q)

    # The weight of image m in row i. On the diagonal a code meets its own image.
    other = (dataset_size - 1) / (dataset_size * (batch - 1))
    weights = torch.full_like(log_q, other)  # [B, B]
    weights.fill_diagonal_(1 / dataset_size)

    # The weighted sum over the images, in logarithms, because many densities round to 0.
    return torch.logsumexp(log_q + weights.log(), dim=1)  # [B]


def _log_densities(rng: np.random.Generator) -> list[tuple[torch.Tensor, int]]:
    """(log_q [B, B], dataset_size) of six minibatches."""
    cases = []
    for batch, size in ((2, 5), (4, 4), (5, 60), (8, 737_280)):
        log_q = torch.from_numpy(rng.normal(-3, 2, (batch, batch)))
        cases.append((log_q, size))

    # Codes so far out that exp of these is 0.
    far = torch.from_numpy(rng.normal(-900, 2, (3, 3)))
    cases.append((far, 100))

    # Single precision, as networks have it.
    log_q, _ = cases[2]
    cases.append((log_q.float(), 60))
    return cases


def _log_q_of_batch(log_q, dataset_size):
    batch = len(log_q)
    weights = torch.full_like(log_q, 1 / batch)
    return torch.logsumexp(log_q + weights.log(), dim=1)


def _log_q_weighted(log_q, dataset_size):
    batch = len(log_q)
    weights = torch.full_like(log_q, 1 / (dataset_size * batch))
    return torch.logsumexp(log_q + weights.log(), dim=1)


def _log_q_first_column(log_q, dataset_size):
    batch = len(log_q)
    weights = torch.full_like(log_q, (dataset_size - 1) / (dataset_size * (batch - 1)))
    weights[:, 0] = 1 / dataset_size
    return torch.logsumexp(log_q + weights.log(), dim=1)


def _log_q_exponential_first(log_q, dataset_size):
    batch = len(log_q)
    weights = torch.full_like(log_q, (dataset_size - 1) / (dataset_size * (batch - 1)))
    weights.fill_diagonal_(1 / dataset_size)
    return (weights * log_q.exp()).sum(1).log()


def _log_q_one_too_many(log_q, dataset_size):
    batch = len(log_q)
    weights = torch.full_like(log_q, (dataset_size - 1) / (dataset_size * batch))
    weights.fill_diagonal_(1 / dataset_size)
    return torch.logsumexp(log_q + weights.log(), dim=1)


def _log_q_over_codes(log_q, dataset_size):
    return log_q_stratified(log_q.T, dataset_size)


LOG_Q_STRATIFIED = Exercise(
    id="3.2",
    title="log q(z) by stratified sampling",
    difficulty="medium",
    minutes=20,
    purpose=(
        "Every step of a β-TCVAE needs it, "
        "and published code has had its weights in the wrong places."
    ),
    reference=log_q_stratified,
    draw=_log_densities,
    wrong_answers={
        "this is the mean over the batch, weight 1/B on each; "
        "the own image then counts N/B times as much as it should.": _log_q_of_batch,
        "this is weighted sampling, 1/(N B) on each; "
        "the question is for stratified sampling.": _log_q_weighted,
        "the weight 1/N stands in the first column; "
        "it belongs on the diagonal, where code i meets its own image.": _log_q_first_column,
        "the exponential was taken before the sum and became 0; "
        "use torch.logsumexp.": _log_q_exponential_first,
        "the others have the weight (N - 1) / (N B); "
        "there are B - 1 of them, not B.": _log_q_one_too_many,
        "the sum went over the codes; "
        "for each code (row) sum over the images (columns).": _log_q_over_codes,
    },
    hints=(
        (
            "Build a [B, B] table of weights first. "
            "Where is code i paired with the image that it came from?"
        ),
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


# 3.3 The total correlation of two Gaussian latents


def gaussian_total_correlation(covariance: Tensor) -> Tensor:
    """The total correlation of two Gaussian latents with this covariance, [2, 2], one number."""
    rho_squared = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])
    return -0.5 * torch.log(1 - rho_squared)


def _covariances(rng: np.random.Generator) -> list[tuple[torch.Tensor]]:
    """(covariance [2, 2],) of six pairs of latents; one pair is independent."""
    cases = []
    for rho in (*rng.uniform(-0.95, 0.95, 4), 0.0):
        a, b = rng.uniform(0.2, 4, 2)  # the standard deviations
        rows = [[a * a, rho * a * b], [rho * a * b, b * b]]
        cases.append((torch.tensor(rows, dtype=torch.float64),))

    # Single precision.
    (covariance,) = cases[0]
    cases.append((covariance.float(),))
    return cases


def _correlation_of_covariance(covariance):
    return -0.5 * torch.log(1 - covariance[0, 1] ** 2)


def _correlation_without_half(covariance):
    return -torch.log(1 - covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1]))


def _correlation_not_squared(covariance):
    rho = covariance[0, 1] / (covariance[0, 0] * covariance[1, 1]).sqrt()
    return -0.5 * torch.log(1 - rho)


def _correlation_negative(covariance):
    return 0.5 * torch.log(1 - covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1]))


def _correlation_in_bits(covariance):
    return -0.5 * torch.log2(1 - covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1]))


def _correlation_as_entropy(covariance):
    return 0.5 * torch.logdet(2 * math.pi * math.e * covariance)


GAUSSIAN_TOTAL_CORRELATION = Exercise(
    id="3.3",
    title="The total correlation of two Gaussian latents",
    difficulty="easy",
    minutes=10,
    purpose="It is a case with a formula, and so a yardstick for estimates.",
    reference=gaussian_total_correlation,
    draw=_covariances,
    wrong_answers={
        "the covariance was taken for the correlation; "
        "divide by both standard deviations.": _correlation_of_covariance,
        "the factor 1/2 is missing.": _correlation_without_half,
        "the correlation was not squared.": _correlation_not_squared,
        "the sign is turned; a total correlation is never negative.": _correlation_negative,
        "the logarithm is to base 2; the series counts in nats.": _correlation_in_bits,
        "this is the entropy of the two together; "
        "the entropies of the single latents are missing.": _correlation_as_entropy,
    },
    hints=(
        "The variances must not matter: rescaling a latent does not make it depend on the other.",
        "TC = H(z1) + H(z2) - H(z), and a Gaussian has H = log det(2πe C) / 2. The 2πe cancel.",
        "rho_squared = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])",
    ),
)


# 3.4 Which term hurts reconstruction?


def least_distortion(q: Tensor) -> Tensor:
    """The least mean of -log p(n|z) that any decoder can reach with the encoder table q [N, codes],
    one number.

    All N images are equally likely. Entries may be 0.
    """
    # The best decoder says q(n|z): Bayes' rule, with equally likely images.
    q_of_n = q / q.sum(0)  # [N, codes]

    # The mean of -log q(n|z) over images and codes, with q(n, z) = q(z|n) / N.
    return -torch.xlogy(q / len(q), q_of_n).sum()


def _single_latents(rng: np.random.Generator) -> list[tuple[torch.Tensor]]:
    """(q [N, codes],) of each table of 3.1, its two latents taken as one."""
    return [(table.reshape(len(table), -1),) for table in _encoder_tables(rng)]


def _distortion_of_code(q):
    return -torch.xlogy(q, q).sum(1).mean()


def _distortion_as_information(q):
    return math.log(len(q)) - least_distortion(q)


def _distortion_codes_unweighted(q):
    q_of_n = q / q.sum(0)
    return -torch.xlogy(q_of_n, q_of_n).sum(0).mean()


def _distortion_by_mean_kl(q):
    mean_kl = torch.xlogy(q, q * q.shape[1]).sum(1).mean()
    return math.log(len(q)) - mean_kl


def _distortion_negative(q):
    return -least_distortion(q)


LEAST_DISTORTION = Exercise(
    id="3.4",
    title="Which term hurts reconstruction?",
    difficulty="medium",
    minutes=20,
    purpose="It says which of the three terms a penalty may touch, and what the others cost.",
    reference=least_distortion,
    draw=_single_latents,
    wrong_answers={
        "this is the mean entropy of q(z|n), of the code for a given image; "
        "the decoder needs that of n for a given code.": _distortion_of_code,
        "this is the mutual information; "
        "the distortion is what is left of log N when it is known.": _distortion_as_information,
        "the codes were counted as equally likely; "
        "weigh the entropies of q(n|z) with q(z).": _distortion_codes_unweighted,
        "the whole mean KL was subtracted from log N; "
        "the other two terms do not help a decoder.": _distortion_by_mean_kl,
        "the sign is turned; "
        "a distortion of a discrete image is not negative.": _distortion_negative,
    },
    hints=(
        (
            "For one code z, which p(n|z) makes the mean of -log p(n|z) least? "
            "That is Gibbs' inequality."
        ),
        (
            "The best decoder says q(n|z), by Bayes' rule with equally likely images. "
            "What is left is the mean entropy of it."
        ),
        "q_of_n = q / q.sum(0)   # q(n|z): each column sums to 1",
    ),
)


# 3.5 Bug hunt: why is this total correlation negative?


def why_negative(reported: float, log_q: Tensor, dataset_size: int) -> str:
    """Which of three reasons made this total correlation: "missing constant", "weight per latent"
    or "sampling error".

    log_q: [B, B, D], log q(z_ij | image m): code i, image m, latent j. With log q̂ by a weight on
    each image,
      "missing constant": the weight is 1 everywhere, and log(B N) was subtracted nowhere;
      "weight per latent": the stratified weights, added to the log density of every latent before
        these are added up;
      "sampling error": the stratified weights, added where they belong, once after and once in each
        latent's own sum.
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


def _reports(rng: np.random.Generator) -> list[tuple[float, torch.Tensor, int]]:
    """(reported, log_q, dataset_size) of nine negative values: three for each reason, mixed."""
    reasons = ("missing constant", "weight per latent", "sampling error")
    cases = []
    for number in range(9):
        # An honest estimate may be positive: draw again until it is below 0.
        reported = 1.0
        while reported >= 0:
            log_q, dataset_size = _minibatch(rng)
            reported = _total_correlation(reasons[number % 3], log_q, dataset_size)
        cases.append((reported, log_q, dataset_size))
    return [cases[number] for number in rng.permutation(9)]


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


def _reason_by_size(reported, log_q, dataset_size):
    return "missing constant" if reported < -10 else "sampling error"


def _reason_always_the_same(reported, log_q, dataset_size):
    return "missing constant"


def _reason_exchanged(reported, log_q, dataset_size):
    found = why_negative(reported, log_q, dataset_size)
    if found == "missing constant":
        return "weight per latent"
    if found == "weight per latent":
        return "missing constant"
    return found


def _reason_always_a_bug(reported, log_q, dataset_size):
    def distance(reason):
        return abs(_total_correlation(reason, log_q, dataset_size) - reported)

    return min(("missing constant", "weight per latent"), key=distance)


WHY_NEGATIVE = Exercise(
    id="3.5",
    title="Bug hunt: why is this total correlation negative?",
    difficulty="hard",
    minutes=25,
    purpose=(
        "A total correlation is never negative, "
        "but printed ones often are, mostly for one of three reasons."
    ),
    reference=why_negative,
    draw=_reports,
    wrong_answers={
        "you decided by the size of the number; "
        "compute the three candidates and compare.": _reason_by_size,
        "every case got the same reason; negative values also come from honest sampling error, "
        "and from the other bug.": _reason_always_the_same,
        "the two bugs were exchanged.": _reason_exchanged,
        "every negative value was called a bug; "
        "an honest estimate of a small positive number is often negative.": _reason_always_a_bug,
    },
    hints=(
        (
            "Do not guess from the number: "
            "compute all three candidates from log_q and see which one is reported."
        ),
        (
            "Only two places differ: which weights there are, "
            "and whether they are added before or after the sum over latents."
        ),
        (
            "joint = (log_q + log_weights).sum(2)   "
            '# the bug "weight per latent": D weights where one belongs'
        ),
    ),
)


EXERCISES = (
    THREE_TERMS,
    LOG_Q_STRATIFIED,
    GAUSSIAN_TOTAL_CORRELATION,
    LEAST_DISTORTION,
    WHY_NEGATIVE,
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
