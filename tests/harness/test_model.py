import torch

from harness.model import Model


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_weights_depend_on_the_seed_and_leave_the_random_numbers_of_the_caller_alone(job):
    made = job()
    before = torch.random.get_rng_state()
    one, same, other = (weights(made.model(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_the_head_is_the_same_whatever_the_backbone_draws(job):
    small, large = job(hidden_size=4).model(0), job(hidden_size=4, **{"task": "sign[length=9]"}).model(0)
    assert torch.equal(small.head.weight, large.head.weight)


def test_parameters_are_counted_with_and_without_the_embedding():
    model = Model(torch.nn.GRU(3, 5), torch.nn.Linear(5, 2), torch.nn.Embedding(10, 3))
    recurrent = 3 * (3 * 5 + 5 * 5 + 2 * 5)
    assert model.count_parameters() == recurrent + 12 + 30
    assert model.count_parameters(embedding=False) == recurrent + 12


def test_the_head_reads_the_last_true_step():
    model = Model(torch.nn.GRU(1, 3), torch.nn.Linear(3, 2))
    inputs = torch.randn(6, 2, 1)
    lengths = torch.tensor([6, 4])
    output = model(inputs, lengths)
    assert torch.equal(output[0], model(inputs)[0])
    assert torch.allclose(output[1], model(inputs[:4])[1], rtol=0, atol=1e-6)
    changed = inputs.clone()
    changed[4:, 1] = 100  # padding of the second sequence
    assert torch.equal(model(changed, lengths), output)
