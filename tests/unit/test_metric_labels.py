"""Labels of our own: one spelling each, as Prometheus' users expect them."""

from __future__ import annotations

import re

import pytest

from gateway import metric_labels
from gateway.metric_labels import AnswerSource, CancelResult, CertificateUse, Dataset, LoginMethod, Stage


@pytest.mark.parametrize("labels", [AnswerSource, CancelResult, CertificateUse, Dataset, LoginMethod, Stage])
def test_labels_are_plain_words_and_each_set_says_what_it_is(labels):
    assert labels.__doc__
    assert all(re.fullmatch(r"[a-z_]+", one.value) for one in labels)
    assert getattr(metric_labels, labels.__name__) is labels
