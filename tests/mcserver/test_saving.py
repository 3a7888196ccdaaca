"""Making everything durable now, and when that was done last."""

import asyncio

import pytest

from mcserver.saving import Saving
from protocol.errors import CommandError
from storage.errors import StoreUnavailable
from tests.mcserver.parts import Clock


class Disk:
    """Takes five seconds of the clock, and waits for the test where it is told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.failure: Exception | None = None
        self.held = asyncio.Event()
        self.held.set()
        self.begun = asyncio.Event()
        self.saving = Saving(self.sync, self.clock, started=100.0)

    async def sync(self) -> None:
        self.begun.set()
        await self.held.wait()
        self.clock.seconds += 5
        if self.failure is not None:
            raise self.failure


async def test_before_the_first_time():
    saving = Disk().saving
    assert (saving.last, saving.seconds, saving.count, saving.failed, saving.running) == (100.0, -1, 0, False, -1)
    await saving.ended()


async def test_save():
    disk = Disk()
    await disk.saving.save()
    assert (disk.saving.last, disk.saving.seconds, disk.saving.count, disk.saving.failed) == (disk.clock.seconds, 5, 1, False)


async def test_save_that_fails():
    disk = Disk()
    disk.failure = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await disk.saving.save()
    assert (disk.saving.last, disk.saving.count, disk.saving.failed) == (100.0, 0, True)
    disk.failure = None
    await disk.saving.save()
    assert (disk.saving.count, disk.saving.failed) == (1, False)


async def test_in_the_background_one_at_a_time():
    disk = Disk()
    disk.held.clear()
    disk.saving.start()
    disk.clock.seconds += 2
    assert disk.saving.running == 2
    with pytest.raises(CommandError, match=r"^Background save already in progress$"):
        disk.saving.start()
    with pytest.raises(CommandError, match=r"^Background save already in progress$"):
        await disk.saving.save()
    disk.held.set()
    await disk.saving.ended()
    assert (disk.saving.running, disk.saving.seconds, disk.saving.count, disk.saving.failed) == (-1, 7, 1, False)
    disk.saving.start()
    await disk.saving.ended()
    assert disk.saving.count == 2


async def test_in_the_background_a_failure_is_logged(caplog: pytest.LogCaptureFixture):
    disk = Disk()
    disk.failure = StoreUnavailable("the disk is full")
    disk.saving.start()
    await disk.saving.ended()
    assert (disk.saving.running, disk.saving.count, disk.saving.failed) == (-1, 0, True)
    assert "event=save-failed error='the disk is full'" in caplog.text


async def test_one_under_way_is_not_a_failure_yet():
    disk = Disk()
    disk.held.clear()
    disk.saving.start()
    await disk.begun.wait()
    assert not disk.saving.failed
    disk.held.set()
    await disk.saving.ended()
