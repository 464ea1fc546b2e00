"""Homework 3: what is inside the KL term. Symbols as in notebook 03; all values in nats."""

import math

import torch

from helpers.homework.engine import Exercise


# References. Each stands by itself, because its source is the solution that a learner sees.


def three_terms(q):
    """(I(z;n), TC(z), Σ_j KL(q(z_j) || p(z_j))) of a table q [N, A, B], q(z1, z2 | n), with a uniform prior.

    All N images are equally likely. Entries may be 0; 0 log 0 counts as 0.
    """
    heap = q.mean(0)
    first, second = heap.sum(1), heap.sum(0)

    def entropy(p):
        return -torch.xlogy(p, p).sum()

    information = entropy(heap) - sum(entropy(table) for table in q) / len(q)
    total_correlation = entropy(first) + entropy(second) - entropy(heap)
    dimension_wise = math.log(len(first)) - entropy(first) + math.log(len(second)) - entropy(second)
    return information, total_correlation, dimension_wise


def log_q_stratified(log_q, dataset_size):
    """log q̂(z) of each code in a minibatch by stratified sampling, [B].

    log_q: [B, B], log q(z_i | image m) of code i (row) under the posterior of image m (column); code i came from image i.
    The own image has the weight 1/N, each other one (N - 1) / (N (B - 1)), with N = dataset_size and B >= 2.
    """
    batch = len(log_q)
    weights = torch.full_like(log_q, (dataset_size - 1) / (dataset_size * (batch - 1)))
    weights.fill_diagonal_(1 / dataset_size)
    return torch.logsumexp(log_q + weights.log(), dim=1)


def gaussian_total_correlation(covariance):
    """The total correlation of two Gaussian latents with this covariance, [2, 2], one number."""
    rho_squared = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])
    return -0.5 * torch.log(1 - rho_squared)


def least_distortion(q):
    """The least mean of -log p(n|z) that any decoder can reach with the encoder table q [N, codes], one number.

    All N images are equally likely. Entries may be 0.
    """
    q_of_n = q / q.sum(0)
    return -torch.xlogy(q / len(q), q_of_n).sum()


def why_negative(reported, log_q, dataset_size):
    """Which of three reasons made this total correlation: "missing constant", "weight per latent" or "sampling error".

    log_q: [B, B, D], log q(z_ij | image m): code i, image m, latent j. With log q̂ by a weight on each image,
      "missing constant": the weight is 1 everywhere, and log(B N) was subtracted nowhere;
      "weight per latent": the stratified weights, added to the log density of every latent before these are added up;
      "sampling error": the stratified weights, added where they belong, once after and once in each latent's own sum.
    In all three, reported = mean over i of [log q̂(z_i) - Σ_j log q̂(z_ij)].
    """
    batch = len(log_q)
    weights = torch.full_like(log_q[:, :, 0], (dataset_size - 1) / (dataset_size * (batch - 1)))
    weights.fill_diagonal_(1 / dataset_size)
    log_weights = weights.log()[:, :, None]

    def total_correlation(joint, single):
        return (joint.logsumexp(1) - single.logsumexp(1).sum(1)).mean()

    candidates = {
        "missing constant": total_correlation(log_q.sum(2), log_q),
        "weight per latent": total_correlation((log_q + log_weights).sum(2), log_q + log_weights),
        "sampling error": total_correlation(log_q.sum(2) + log_weights[:, :, 0], log_q + log_weights),
    }
    return min(candidates, key=lambda reason: abs(candidates[reason] - reported))


# Inputs


def _tables(rng):
    tables = [torch.from_numpy(rng.dirichlet([a] * (k * m), n)).reshape(n, k, m)
              for n, k, m, a in ((4, 2, 2, 1.0), (3, 2, 3, 0.5), (6, 3, 2, 2.0))]
    copying = torch.eye(4, dtype=torch.float64).reshape(4, 2, 2)  # every image has its own code, and zeros elsewhere
    same = torch.full((3, 2, 2), 0.25, dtype=torch.float64)  # the code knows nothing
    return [(t,) for t in (*tables, copying, same)]


def _densities(rng):
    cases = []
    for batch, size in ((2, 5), (4, 4), (5, 60), (8, 737_280)):
        cases.append((torch.from_numpy(rng.normal(-3, 2, (batch, batch))), size))
    far = torch.from_numpy(rng.normal(-900, 2, (3, 3)))  # exp of these is 0
    return cases + [(far, 100), (cases[2][0].float(), 60)]


def _covariances(rng):
    cases = []
    for rho in (*rng.uniform(-0.95, 0.95, 4), 0.0):
        a, b = rng.uniform(0.2, 4, 2)
        cases.append((torch.tensor([[a * a, rho * a * b], [rho * a * b, b * b]], dtype=torch.float64),))
    return cases + [(cases[0][0].float(),)]


def _encoders(rng):
    return [(t.reshape(len(t), -1),) for t, in _tables(rng)]


def _reported(rng):
    reasons = ("missing constant", "weight per latent", "sampling error")
    cases = []
    for number in range(9):
        reported = 1.0
        while reported >= 0:
            batch, latents, size = int(rng.integers(4, 9)), int(rng.integers(2, 4)), int(rng.integers(50, 2000))
            mu, logvar = torch.from_numpy(rng.normal(0, 1, (2, batch, latents)))
            z = mu + torch.exp(0.5 * logvar) * torch.from_numpy(rng.normal(0, 1, (batch, latents)))
            log_q = -0.5 * ((z[:, None] - mu) ** 2 * torch.exp(-logvar) + logvar + math.log(2 * math.pi))
            reported = _total_correlation(reasons[number % 3], log_q, size)
        cases.append((reported, log_q, size))
    return [cases[i] for i in rng.permutation(9)]


# Pieces of the wrong answers


def _total_correlation(reason, log_q, size):
    batch = len(log_q)
    weights = torch.full((batch, batch), (size - 1) / (size * (batch - 1)), dtype=torch.float64).fill_diagonal_(1 / size)
    log_w = weights.log()[:, :, None]
    if reason == "missing constant":
        log_w = torch.zeros_like(log_w)
    joint = (log_q + log_w).sum(2) if reason == "weight per latent" else log_q.sum(2) + log_w[:, :, 0]
    return (joint.logsumexp(1) - (log_q + log_w).logsumexp(1).sum(1)).mean().item()


def _joint_kl_as_third(q):
    information, total_correlation, dimension_wise = three_terms(q)
    return information, total_correlation, dimension_wise + total_correlation


def _mean_kl_as_first(q):
    information, total_correlation, dimension_wise = three_terms(q)
    return information + total_correlation + dimension_wise, total_correlation, dimension_wise


def _negative_correlation(q):
    information, total_correlation, dimension_wise = three_terms(q)
    return information, -total_correlation, dimension_wise


def _naive_logarithm(q):
    heap = q.mean(0)
    first, second = heap.sum(1), heap.sum(0)
    information = (q / len(q) * torch.log(q / heap)).sum()
    total_correlation = (heap * torch.log(heap / torch.outer(first, second))).sum()
    return information, total_correlation, three_terms(q)[2]


def _plain_mean_of_codes(q):
    q_of_n = q / q.sum(0)
    left = -torch.xlogy(q_of_n, q_of_n).sum(0).mean()
    return (math.log(len(q)) - left, *three_terms(q)[1:])


def _by_size(reported, log_q, size):
    return "missing constant" if reported < -10 else "sampling error"


def _stratified(own, other, column=False):
    def wrong(log_q, size):
        batch = len(log_q)
        weights = torch.full_like(log_q, other(batch, size))
        if column:
            weights[:, 0] = own(batch, size)
        else:
            weights.fill_diagonal_(own(batch, size))
        return torch.logsumexp(log_q + weights.log(), dim=1)
    return wrong


def _exponential_first(log_q, size):
    batch = len(log_q)
    weights = torch.full_like(log_q, (size - 1) / (size * (batch - 1))).fill_diagonal_(1 / size)
    return (weights * log_q.exp()).sum(1).log()


EXERCISES = (
    Exercise(
        "3.1", "The three terms by enumeration", "medium", 25,
        "It shows what a nat of KL was spent on, exactly.",
        three_terms, _tables,
        {
            "the third value is KL(q(z) || p(z)) of the latents together; the total correlation is counted in it once "
            "more.":
                _joint_kl_as_third,
            "the first value is the whole mean KL; mutual information compares q(z|n) with q(z), not with the prior.":
                _mean_kl_as_first,
            "the total correlation has its sign turned: the entropies of the single latents come "
            "first.": _negative_correlation,
            "0 log 0 came out as NaN; torch.xlogy(p, p) is p log p, and 0 where p is 0.": _naive_logarithm,
            "the entropies H(q(n|z)) were averaged as if all codes were equally likely; weigh them with q(z).":
                _plain_mean_of_codes,
        },
        ("Begin with q(z), the mean of the N tables, and its two marginals. All three terms are entropies of these and "
         "of q(z|n).",
         "I = H(q(z)) - mean of H(q(z|n)); TC = H(q(z1)) + H(q(z2)) - H(q(z)); each latent's KL to a uniform prior is "
         "log size - H.",
         "heap = q.mean(0); first, second = heap.sum(1), heap.sum(0)")),
    Exercise(
        "3.2", "log q(z) by stratified sampling", "medium", 20,
        "Every step of a β-TCVAE needs it, and published code has had its weights in the wrong places.",
        log_q_stratified, _densities,
        {
            "this is the mean over the batch, weight 1/B on each; the own image then counts N/B times too much.":
                _stratified(lambda b, n: 1 / b, lambda b, n: 1 / b),
            "this is weighted sampling, 1/(N B) on each; the question is for stratified sampling.":
                _stratified(lambda b, n: 1 / (n * b), lambda b, n: 1 / (n * b)),
            "the weight 1/N stands in the first column; it belongs on the diagonal, where code i meets its own image.":
                _stratified(lambda b, n: 1 / n, lambda b, n: (n - 1) / (n * (b - 1)), column=True),
            "the exponential was taken before the sum and became 0; use torch.logsumexp.": _exponential_first,
            "the others have the weight (N - 1) / (N B); there are B - 1 of them, not B.":
                _stratified(lambda b, n: 1 / n, lambda b, n: (n - 1) / (n * b)),
            "the sum went over the codes; for each code (row) sum over the images (columns).":
                lambda log_q, n: log_q_stratified(log_q.T, n),
        },
        ("Build a [B, B] table of weights first. Where is code i paired with the image that it came from?",
         "A weighted sum of densities, in logarithms: logsumexp(log density + log weight), over the images.",
         "weights = torch.full_like(log_q, (dataset_size - 1) / (dataset_size * (batch - 1))).fill_diagonal_(1 / "
         "dataset_size)")),
    Exercise(
        "3.3", "The total correlation of two Gaussian latents", "easy", 10,
        "It is a case with a formula, and so a yardstick for estimates.",
        gaussian_total_correlation, _covariances,
        {
            "the covariance was taken for the correlation; divide by both standard deviations.":
                lambda c: -0.5 * torch.log(1 - c[0, 1] ** 2),
            "the factor 1/2 is missing.":
                lambda c: -torch.log(1 - c[0, 1] ** 2 / (c[0, 0] * c[1, 1])),
            "the correlation was not squared.":
                lambda c: -0.5 * torch.log(1 - c[0, 1] / (c[0, 0] * c[1, 1]).sqrt()),
            "the sign is turned; a total correlation is never negative.":
                lambda c: 0.5 * torch.log(1 - c[0, 1] ** 2 / (c[0, 0] * c[1, 1])),
            "the logarithm is to base 2; the series counts in nats.":
                lambda c: -0.5 * torch.log2(1 - c[0, 1] ** 2 / (c[0, 0] * c[1, 1])),
            "this is the entropy of the two together; the entropies of the single latents are missing.":
                lambda c: 0.5 * torch.logdet(2 * math.pi * math.e * c),
        },
        ("The variances must not matter: rescaling a latent does not make it depend on the other.",
         "TC = H(z1) + H(z2) - H(z), and a Gaussian has H = log det(2πe C) / 2. The 2πe cancel.",
         "rho_squared = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])")),
    Exercise(
        "3.4", "Which term hurts reconstruction?", "medium", 20,
        "It says which of the three terms a penalty may touch, and what the others cost.",
        least_distortion, _encoders,
        {
            "this is the mean entropy of q(z|n), of the code for a given image; the decoder needs that of n for a given "
            "code.":
                lambda q: -torch.xlogy(q, q).sum(1).mean(),
            "this is the mutual information; the distortion is what is left of log N when it is known.":
                lambda q: math.log(len(q)) - least_distortion(q),
            "the codes were counted as equally likely; weigh the entropies of q(n|z) with q(z).":
                lambda q: -torch.xlogy(q / q.sum(0), q / q.sum(0)).sum(0).mean(),
            "the whole mean KL was subtracted from log N; the other two terms do not help a decoder.":
                lambda q: math.log(len(q)) - torch.xlogy(q, q * q.shape[1]).sum(1).mean(),
            "the sign is turned; a distortion of a discrete image is not negative.":
                lambda q: -least_distortion(q),
        },
        ("For one code z, which p(n|z) makes the mean of -log p(n|z) least? That is Gibbs' inequality.",
         "The best decoder says q(n|z), by Bayes' rule with equally likely images. What is left is the mean entropy of "
         "it.",
         "q_of_n = q / q.sum(0)   # q(n|z): each column sums to 1")),
    Exercise(
        "3.5", "Bug hunt: why is this total correlation negative?", "hard", 25,
        "A total correlation is never negative, but printed ones are, for three different reasons.",
        why_negative, _reported,
        {
            "you decided by the size of the number; compute the three candidates and compare.": _by_size,
            "every case got the same reason; negative values also come from honest sampling error, and from the other "
            "bug.":
                lambda reported, log_q, n: "missing constant",
            "the two bugs were exchanged.":
                lambda reported, log_q, n: {"missing constant": "weight per latent", "weight per latent": "missing constant"}.get(
                    why_negative(reported, log_q, n), "sampling error"),
            "every negative value was called a bug; an honest estimate of a small positive number is often negative.":
                lambda reported, log_q, n: min(("missing constant", "weight per latent"),
                                               key=lambda r: abs(_total_correlation(r, log_q, n) - reported)),
        },
        ("Do not guess from the number: compute all three candidates from log_q and see which one is reported.",
         "Only two places differ: which weights there are, and whether they are added before or after the sum over "
         "latents.",
         "joint = (log_q + log_weights).sum(2)   # the bug \"weight per latent\": D weights where one belongs")),
)

QUIZZES = {
    "3.A": ("A trained VAE trains on with one weight raised. Which one costs the most reconstruction?", "A", {
        "α, on the mutual information": "the least distortion is log N - I(z;n): it depends on the encoder through this "
                                        "term alone",
        "β, on the total correlation": "relabelling can remove it for free; with diagonal Gaussian posteriors a little "
                                       "is lost",
        "γ, on the dimension-wise KL": "a latent can be on the prior in the heap and still differ from image to image"}),
    "3.B": ("A model's total correlation is 0. Is it disentangled?", "C", {
        "yes, that is the definition": "independent latents may each mix several factors",
        "yes, if the reconstruction is good "
        "too": "the same model with rotated codes reconstructs as well and mixes the factors",
        "not necessarily": "rotate isotropic Gaussian codes: the total correlation stays 0 and every latent mixes two "
                           "factors"}),
}
