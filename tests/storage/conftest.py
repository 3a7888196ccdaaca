from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.records import Model
from storage.seams import EntryStore
from tests.storage.entry_stores import BACK_ENDS, Connect, create


@pytest.fixture(params=BACK_ENDS, ids=lambda back_end: back_end.__name__)
def connect_entries(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    connect: Connect = request.param(tmp_path)
    return connect


@pytest.fixture
async def store(connect_entries: Connect) -> AsyncIterator[EntryStore]:
    store = connect_entries()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def model(store: EntryStore) -> Model:
    return await create(store)
