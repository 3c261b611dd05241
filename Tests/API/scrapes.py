"""What a node tells Prometheus, for tests that look at it."""

from prometheus_client.parser import text_string_to_metric_families as plain

import wire


def scrape(url, accept=None) -> wire.Answer:
    answer = wire.call(url, "GET", "/metrics", headers={"Accept": accept} if accept else {})
    assert answer.status == 200
    return answer


def samples(url) -> dict:
    """Every series with its value, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in plain(scrape(url).body.decode()) for sample in family.samples
    }


def rise(url, act) -> dict:
    """By how much each series has risen while something was done, as far as it has."""
    before = samples(url)
    act()
    after = samples(url)
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}


def label(name, **labels):
    return name, tuple(sorted(labels.items()))
