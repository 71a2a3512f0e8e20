import torch

from seedream_core.models.text.whitening import Whitening


def test_whitened_features_are_centred_and_uncorrelated_within_each_state():
    torch.manual_seed(0)
    features = torch.einsum("nsi,sij->nsj", torch.randn(4000, 2, 6), torch.randn(2, 6, 6))
    features = features * torch.tensor([1.0, 0.01])[:, None] + 5
    whitening = Whitening(6, states=2)
    whitening.measure([part.flatten(1) for part in features.split(1000)])
    each = whitening(features.flatten(1)[None])[0].unflatten(-1, (2, 6)).transpose(0, 1)
    torch.testing.assert_close(each.mean(1), torch.zeros(2, 6), atol=1e-3, rtol=0)
    for state in each:
        torch.testing.assert_close(state.T @ state / len(state), torch.eye(6), atol=0.02, rtol=0)


def test_it_changes_nothing_before_it_is_measured():
    features = torch.randn(2, 3, 12)
    assert torch.equal(Whitening(6, states=2)(features), features)


def test_a_direction_without_variance_is_not_blown_up():
    features = torch.zeros(100, 4)
    features[:, 0] = torch.randn(100)
    whitening = Whitening(4)
    whitening.measure([features])
    assert whitening.matrix.abs().max() < 200 and bool(whitening(features[None]).isfinite().all())
