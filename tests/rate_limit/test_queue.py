from exec_plugin.endpoints import Priority
from exec_plugin.rate_limit.queue import PATIENT, PriorityLine, Reservation
from rate_limit.virtual import Clock


def make(*kinds, clock=None):
    """A line with a permit of each of these classes, named by their numbers."""
    line = PriorityLine(clock or Clock())
    permits = [Reservation(None, str(number), 1, kind) for number, kind in enumerate(kinds)]
    for permit in permits:
        line.add(permit)
    return line, permits


def names(served):
    """Who was served."""
    return [permit.endpoint for permit in served]


def test_classes():
    """Cancels go before orders before account queries before market data, each in the order of coming."""
    kinds = [Priority.MARKET, Priority.ORDER, Priority.CANCEL, Priority.ACCOUNT, Priority.CANCEL, Priority.MARKET]
    line, _ = make(*kinds)
    assert names(line.serve(lambda permit: {})[0]) == ["2", "4", "1", "3", "0", "5"]
    assert len(line) == 0


def test_holds_up():
    """Who is short of weight holds up everybody behind."""
    line, _ = make(Priority.MARKET, Priority.ORDER)
    assert line.serve(lambda permit: {} if permit.kind == Priority.MARKET else {"weight": 2.0}) == ([], 2.0)


def test_short_of_orders():
    """Who is short of orders holds up orders only."""
    line, _ = make(Priority.MARKET, Priority.ORDER, Priority.ORDER)
    served, delay = line.serve(lambda permit: {} if permit.kind == Priority.MARKET else {"orders": 2.0})
    assert (names(served), delay, len(line)) == (["0"], 2.0, 2)


def test_remove():
    """Who leaves frees its place."""
    line, permits = make(Priority.MARKET, Priority.MARKET)
    line.remove(permits[0])
    assert names(line.serve(lambda permit: {})[0]) == ["1"]


def test_ageing():
    """Market data that waited long is served before orders, and as one."""
    clock = Clock()
    line, _ = make(Priority.MARKET, clock=clock)
    clock.now = PATIENT[Priority.MARKET] + 1
    line.add(Reservation(None, "order", 1, Priority.ORDER))
    assert names(line.serve(lambda permit: {} if permit.rank == Priority.ORDER else {"weight": 1.0})[0]) == [
        "0",
        "order",
    ]


def test_waiting():
    """The line says how many wait in each class."""
    line, _ = make(Priority.CANCEL, Priority.MARKET, Priority.MARKET)
    assert line.waiting() == {"cancel": 1, "order": 0, "account": 0, "market": 2}
