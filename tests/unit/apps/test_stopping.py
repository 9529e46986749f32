"""A first signal in training is a request; a second, or one at any other time, acts at once."""

from __future__ import annotations

import os
import signal

import pytest

from cae.apps.failures import stop_on_sigterm
from cae.apps.stopping import StopRequest
from cae.errors import StoppedError

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def train(number: signal.Signals) -> None:
    """Be a training that receives a signal, and stops after the step."""
    with StopRequest(is_training=lambda: True) as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        raise StoppedError("stopped and saved")


def receive(number: signal.Signals, *, times: int, training: bool) -> None:
    with StopRequest(is_training=lambda: training):
        for _ in range(times):
            os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_in_training_is_remembered_and_gives_the_exit_code(number, code):
    stop_on_sigterm()
    before = signal.getsignal(number)
    with pytest.raises(StoppedError) as raised:
        train(number)
    assert raised.value.exit_code == code
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize(("times", "training"), [(2, True), (1, False)])
def test_a_second_signal_or_one_outside_of_training_acts_at_once(number, code, times, training):
    stop_on_sigterm()
    kind = KeyboardInterrupt if number == signal.SIGINT else SystemExit
    with pytest.raises(kind):
        receive(number, times=times, training=training)


@pytest.mark.parametrize("training", [True, False])
def test_a_signal_that_was_ignored_before_stays_ignored(training):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopRequest(is_training=lambda: training) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_set_meanwhile_stays():
    before = signal.getsignal(signal.SIGTERM)
    try:
        with StopRequest(is_training=lambda: False):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
