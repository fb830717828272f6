from __future__ import annotations

import asyncio
import os
import signal

import pytest

from bots.services.interrupt import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_asks_a_run_in_progress_to_end_in_order(number: signal.Signals) -> None:
    async def work() -> bool:
        with interruptible() as interrupt, interrupt.gently() as stop:
            os.kill(os.getpid(), number)
            await asyncio.wait_for(stop.wait(), 2)
            return interrupt.happened

    assert await asyncio.create_task(work())


async def test_a_second_signal_ends_the_task_at_once() -> None:
    async def work() -> None:
        with interruptible() as interrupt, interrupt.gently() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.wait_for(stop.wait(), 2)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 5)


async def test_a_signal_before_the_traders_play_ends_the_task() -> None:
    async def work() -> None:
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 5)


async def test_signals_are_handled_as_before_once_the_work_is_done() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with interruptible():
        pass

    assert signal.getsignal(signal.SIGTERM) == before
