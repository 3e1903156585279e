"""The house stands as drawn: contracts, exports, sizes, light imports, and the seed's names."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest

import exec_plugin
from exec_plugin import binance, rate_limit

PACKAGE = Path(exec_plugin.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Module -> why it may be longer than 500 lines. None is; a module that outgrows them becomes a package.
LONG: dict[str, str] = {}

# The seed's table and prose for paper_broker.py, one line per callable.
BROKER = """
__init__(initial_balances, exchange_info=None, fee_config=None)
register_fill_callback(callback)
register_order_callback(callback)
update_market_data(symbol, bid=None, ask=None, last_price=None, volume=None)
place_order(symbol, side, order_type, quantity, price=None, time_in_force="GTC")
get_account_info()
get_open_orders(symbol=None)
get_order_history(symbol, limit=100)
calculate_pnl(symbol)
simulate_slippage(order, market_data)
set_latency_simulation(min_ms, max_ms)
get_position(symbol)
_check_balance(symbol, side, quantity, price)
_parse_symbol(symbol)
_reserve_balance(symbol, side, quantity, price)
_release_balance(symbol, side, quantity, price)
_execute_order(order, execution_price)
_calculate_execution_price(order, market_data)
_process_pending_orders()
"""
BROKER_COROUTINES = {"place_order", "cancel_order", "get_account_info", "get_open_orders", "get_order_history"}
BROKER_EXPORTS = [
    "LinearSlippageModel",
    "MarketData",
    "OrderBook",
    "OrderBookLevel",
    "PaperBroker",
    "SlippageModel",
]
BROKER_VALUES = """
MarketData(symbol, bid, ask, price, volume)
OrderBookLevel(price, quantity)
OrderBook(symbol, bids, asks)
LinearSlippageModel(base_slippage, size_impact)
"""
BROKER_MEMBERS = [
    "MarketData.mid_price",
    "MarketData.spread",
    "MarketData.spread_pct",
    "OrderBook.get_best_bid",
    "OrderBook.get_best_ask",
    "OrderBook.get_mid_price",
    "SlippageModel.calculate_slippage",
    "LinearSlippageModel.calculate_slippage",
]

# The seed's table and prose for rate_limit.py; a class before the dot, the function of the module without one.
LIMITS = """
TokenBucket.__init__(capacity, refill_rate)
TokenBucket._refill()
TokenBucket.acquire(tokens=1)
TokenBucket.time_to_refill(tokens=1)
RateLimiter.__init__(config=None)
RateLimiter._calculate_retry_delay(attempt)
RateLimiter._check_daily_order_limit()
RateLimiter.acquire(endpoint="request", weight=1, max_retries=0)
RateLimiter.acquire_order(max_retries=None)
RateLimiter.get_stats()
RateLimiter.get_status()
RateLimiter.reset_buckets()
RateLimiter.reset_limits()
RateLimiter.wait_for_capacity(weight=1, max_wait=None)
RateLimiter.wait_if_needed(endpoint="request", weight=1)
AdaptiveRateLimiter.__init__(config=None)
AdaptiveRateLimiter._update_adaptive_factor()
AdaptiveRateLimiter.acquire(endpoint="request", weight=1, max_retries=0)
AdaptiveRateLimiter.record_error(error_type)
create_aggressive_rate_limiter()
create_conservative_rate_limiter()
"""
# Beside them, what waiting is made of and what puts a limiter in front of an exchange.
LIMITS_MORE = {"Permit", "install_throttle", "uninstall_throttle"}
LIMITS_VALUES = ["RateLimitConfig", "RateLimitError"]


# The seed's table and prose for binance.py.
CLIENT = """
BinanceClient.__init__(config=None, rate_limiter=None)
BinanceClient.start_session()
BinanceClient.close_session()
BinanceClient._sync_server_time()
BinanceClient._get_timestamp()
BinanceClient._generate_signature(query)
BinanceClient._calculate_retry_delay(attempt)
BinanceClient._make_request_single(method, endpoint, params=None)
BinanceClient._make_request_with_retry(method, endpoint, params=None)
BinanceClient._make_request(method, endpoint, params=None)
BinanceClient.get_server_time()
BinanceClient.get_exchange_info(symbol=None)
BinanceClient.get_klines(symbol, interval, limit=500, start_time=None, end_time=None)
BinanceClient.get_ticker(symbol)
BinanceClient.get_24hr_ticker(symbol)
BinanceClient.get_order_book(symbol, limit=100)
BinanceClient.get_account_info()
BinanceClient.place_order(symbol, side, order_type, quantity=None, price=None, time_in_force="GTC")
BinanceClient.cancel_order(symbol, order_id=None, client_order_id=None)
BinanceClient.get_order(symbol, order_id=None, client_order_id=None)
BinanceClient.get_open_orders(symbol=None)
BinanceClient.get_order_history(symbol, limit=500)
BinanceClient.convert_order_to_internal(raw)
BinanceClient.health_check()
create_binance_client(api_key=None, api_secret=None, testnet=False)
mask_api_key(key)
BinanceError.__init__(message="", code=None, response=None)
BinanceRateLimitError.__init__(message="rate limit exceeded")
"""
CLIENT_PLAIN = {
    "BinanceClient.__init__",
    "BinanceClient._get_timestamp",
    "BinanceClient._generate_signature",
    "BinanceClient._calculate_retry_delay",
    "BinanceClient.convert_order_to_internal",
    "mask_api_key",
    "BinanceError.__init__",
    "BinanceRateLimitError.__init__",
}


@pytest.fixture(scope="module")
def broker():
    """The seed's module for the paper broker."""
    return import_module("exec_plugin.paper_broker")


def test_contracts(root):
    """Every module keeps to its row."""
    lint = "from importlinter.cli import lint_imports_command as lint; lint()"
    command = [sys.executable, "-c", lint, "--no-cache", "--config", "setup.cfg"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_exports():
    """The front door's `__all__` is sorted, whole, and what type checkers are told."""
    assert exec_plugin.__all__ == sorted(_typed_names(PACKAGE / "__init__.py"))
    assert set(exec_plugin.__all__) <= set(dir(exec_plugin))


@pytest.mark.parametrize("name", exec_plugin.__all__)
def test_lazy(name):
    """Each exported name resolves on first use."""
    assert getattr(exec_plugin, name) is getattr(exec_plugin, name)


def test_unknown_name():
    """A misspelt name is an AttributeError that repeats it."""
    with pytest.raises(AttributeError, match="instal"):
        exec_plugin.instal  # noqa: B018


@pytest.mark.parametrize("path", SOURCES[1:], ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_all_lists(path):
    """Where a module behind the front door has an `__all__`, it is sorted and names what exists."""
    name = ".".join(("exec_plugin", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    exported = _exported(path)
    assert exported == sorted(exported, key=_as_linted)
    assert [public for public in exported if not hasattr(import_module(name), public)] == []


def _as_linted(name):
    """Constants, then classes, then the rest, each by the alphabet."""
    return (not name.isupper(), not name[:1].isupper(), name)


def test_sizes():
    """No module outgrows 500 lines, but for those with a reason."""
    lengths = {path.relative_to(PACKAGE).as_posix(): _lines(path) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 500 and name not in LONG} == {}


def test_light():
    """Importing the package takes under 50 ms of the processor and brings none of the heavy libraries."""
    script = (
        "import sys, time; start = time.process_time(); import exec_plugin, exec_plugin.binance;"
        "print(time.process_time() - start, *{'aiohttp', 'asyncio', 'attr', 'ccxt', 'pluggy'} & set(sys.modules))"
    )
    runs = [subprocess.check_output([sys.executable, "-c", script], text=True).split() for _ in range(3)]
    assert [run[1:] for run in runs] == [[], [], []]
    assert min(float(run[0]) for run in runs) < 0.05


def test_readme(root):
    """The README stays under 500 words."""
    assert len((root / "README.md").read_text(encoding="utf-8").split()) < 500


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_flag(path):
    """Paper differs from live in one transport; nothing branches on a flag."""
    flag = re.compile(r"(is_)?paper(_?(mode|trading|only))?|is_live|live_(mode|trading)|dry_run", re.IGNORECASE)
    tests = [node.test for node in ast.walk(_tree(path)) if isinstance(node, (ast.If, ast.IfExp, ast.While))]
    names = [getattr(node, "id", getattr(node, "attr", "")) for test in tests for node in ast.walk(test)]
    assert [name for name in names if flag.fullmatch(name)] == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("**/*.py")), ids=lambda path: path.stem)
def test_no_floats(path):
    """The core holds no float literal: money and time are integers."""
    constants = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Constant)]
    assert [(node.lineno, node.value) for node in constants if isinstance(node.value, float)] == []


def test_broker_exports(broker):
    """paper_broker exports the seed's names and no others."""
    assert list(broker.__all__) == BROKER_EXPORTS


@pytest.mark.parametrize("line", BROKER.strip().splitlines())
def test_broker_signatures(broker, line):
    """The seed's parameters come first, in its order and with its defaults; further ones are optional."""
    name, seed = _parse(line)
    _accepts(_parameters(getattr(broker.PaperBroker, name)), seed)


def test_broker_cancel(broker):
    """cancel_order takes a symbol and an id, or the id alone, by position or by name."""
    signature = inspect.signature(broker.PaperBroker.cancel_order)
    signature.bind(None, "BTCUSDC", "12345")
    signature.bind(None, "12345")
    signature.bind(None, order_id="12345")
    signature.bind(None, symbol="BTCUSDC", order_id="12345")


def test_broker_coroutines(broker):
    """Exactly the calls that a live client would await are coroutines."""
    names = [_parse(line)[0] for line in BROKER.strip().splitlines()] + ["cancel_order"]
    awaited = {name for name in names if inspect.iscoroutinefunction(getattr(broker.PaperBroker, name))}
    assert awaited == BROKER_COROUTINES


@pytest.mark.parametrize("line", BROKER_VALUES.strip().splitlines())
def test_broker_values(broker, line):
    """The seed's values take the seed's arguments in its order."""
    name, seed = _parse(line)
    inspect.signature(getattr(broker, name)).bind(*seed)


@pytest.mark.parametrize("path", BROKER_MEMBERS)
def test_broker_members(broker, path):
    """The seed's values have the seed's members: nouns are properties, verbs are methods."""
    owner, name = path.split(".")
    member = inspect.getattr_static(getattr(broker, owner), name)
    assert inspect.isfunction(member) == name.startswith(("get_", "calculate_"))


def test_limits_exports():
    """rate_limit exports the seed's names, and few others."""
    seed = {re.split(r"[.(]", line)[0] for line in LIMITS.split("\n") if line} | {*LIMITS_VALUES}
    assert {*rate_limit.__all__} == seed | LIMITS_MORE


@pytest.mark.parametrize("line", LIMITS.strip().splitlines())
def test_limits_signatures(line):
    """The seed's parameters come first, in its order and with its defaults; further ones are optional."""
    name, seed = _parse(line)
    _accepts(_parameters(attrgetter(name)(rate_limit)), seed)


def test_limits_coroutines():
    """Of the limiter's calls only wait_if_needed is a coroutine; a permit is awaited where there is a wait."""
    names = [_parse(line)[0] for line in LIMITS.strip().splitlines()]
    awaited = {name for name in names if inspect.iscoroutinefunction(attrgetter(name)(rate_limit))}
    assert awaited == {"RateLimiter.wait_if_needed"}


def test_client_exports():
    """binance exports the seed's names and its errors."""
    errors = import_module("exec_plugin.binance.errors")
    tree = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    seed = {re.split(r"[.(]", line)[0] for line in CLIENT.split("\n") if line} | {"BinanceConfig"}
    assert {*binance.__all__} == seed | tree
    assert set(binance.__all__) <= set(dir(binance))


@pytest.mark.parametrize("line", CLIENT.strip().splitlines())
def test_client_signatures(line):
    """The seed's parameters come first, in its order and with its defaults; further ones are optional."""
    name, seed = _parse(line)
    _accepts(_parameters(attrgetter(name)(binance)), seed)


def test_client_coroutines():
    """What asks the exchange is awaited, and nothing else is."""
    names = {_parse(line)[0] for line in CLIENT.strip().splitlines()}
    plain = {name for name in names if not inspect.iscoroutinefunction(attrgetter(name)(binance))}
    assert plain == CLIENT_PLAIN


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def _exported(path):
    """A module's `__all__`, or nothing."""
    assigned = [node for node in _tree(path).body if isinstance(node, ast.Assign)]
    lists = [node.value for node in assigned if getattr(node.targets[0], "id", "") == "__all__"]
    return ast.literal_eval(lists[0]) if lists else []


def _typed_names(path):
    """Names that a module defines for type checkers only."""
    blocks = [node.body for node in _tree(path).body if isinstance(node, ast.If)]
    for node in blocks[0]:
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        else:
            yield node.target.id


def _parse(line):
    """A seed line as its name and its ``{parameter: default}``."""
    name, _, rest = line.partition("(")
    arguments = ast.parse(f"def f({rest}: ...").body[0].args
    required = len(arguments.args) - len(arguments.defaults)
    defaults = [inspect.Parameter.empty] * required + [ast.literal_eval(node) for node in arguments.defaults]
    return name, dict(zip((argument.arg for argument in arguments.args), defaults, strict=True))


def _parameters(function):
    parameters = dict(inspect.signature(function).parameters)
    parameters.pop("self", None)
    return parameters


def _accepts(parameters, seed):
    """Fail unless calls written for the seed's signature work."""
    leading = list(parameters.values())[: len(seed)]
    assert {parameter.name: parameter.default for parameter in leading} == seed
    assert all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in leading)
    extra = list(parameters.values())[len(seed) :]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    assert [
        parameter.name for parameter in extra if parameter.default is parameter.empty and parameter.kind not in variadic
    ] == []
