from exec_plugin.limit_store import CELLS, MemoryStore


def test_update():
    """A change gets the cells and its arguments, and its answer is the store's."""
    store = MemoryStore()

    def change(cells, amount):
        cells[0] += amount
        return cells[0], len(cells)

    assert store.update(change, 2.0) == (2.0, CELLS)
    assert store.update(change, 1.0) == (3.0, CELLS)


def test_clock():
    """Its clock is the one it is given."""
    assert MemoryStore(lambda: 5.0).now() == 5.0


def test_nested():
    """A change within a change of the same thread, as a signal's handler makes one, waits for nobody."""
    store = MemoryStore()

    def change(cells, amount):
        cells[0] += amount
        return cells[0]

    assert store.update(lambda cells: change(cells, 1.0) + store.update(change, 2.0)) == 4.0
