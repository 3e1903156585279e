"""What to serve: read from a TOML file or a mapping, and made into an exchange with its accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, field, fields, frozen

from exec_plugin.account import PaperExchange, Settings
from exec_plugin.account.pump import wall_clock
from exec_plugin.config import nearest
from exec_plugin.config.files import read_toml
from exec_plugin.config.showing import mask_api_key
from exec_plugin.core.errors import ConfigError, ExecPluginError
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import to_units
from exec_plugin.journal import MEMORY
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.protocol.faults import Faults
from exec_plugin.protocol.security import Key
from exec_plugin.server.attaching import new_secret
from exec_plugin.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: What an account starts with when nobody says.
FUNDS = {"USDT": "100000", "BTC": "1", "ETH": "10", "BNB": "10"}
_TABLES = ("server", "paper", "accounts", "faults", "db_url", "durability")
_PATHS = ("tls_cert", "tls_key")


@frozen
class AccountPlan:
    """
    An account to open.

    Args:
        name: its name.
        balances: what it starts with.
        api_key, secret: who may act for it: an HMAC secret, or the PEM text of an Ed25519 or RSA public key.
        is_told: whether key and secret were given, not made up.
    """

    name: str
    balances: Mapping[str, str]
    api_key: str = field(repr=mask_api_key)
    secret: str = field(repr=False)
    is_told: bool = True


@frozen
class Plan:
    """
    All that a server needs to start.

    Args:
        server: where it listens.
        market: its settings, as ``account.Settings`` reads them.
        accounts: who trades on it.
        faults: what goes wrong, as ``Faults.read`` takes it; empty for nothing.
        db_url, durability: where accounts are kept, in memory unless it is said, and what they outlive (docs/journal.md).
    """

    server: ServerSettings = field(factory=ServerSettings)
    market: Mapping[str, Any] = field(factory=dict)
    accounts: tuple[AccountPlan, ...] = ()
    faults: Mapping[str, Any] = field(factory=dict)
    db_url: str = ""
    durability: str = "full"

    def checked(self) -> Plan:
        """
        The plan with an account where it names none.

        Raises:
            ConfigError: when it cannot be carried out, or would let strangers trade.
        """
        if self.db_url not in ("", MEMORY) and self.market.get("feed") == "push":
            raise ConfigError("the accounts of a market that control routes reset are kept in memory: leave db_url out")
        accounts = self.accounts or (AccountPlan("default", FUNDS, new_secret(), new_secret(), is_told=False),)
        if not self.server.is_local and not all(account.is_told for account in accounts):
            msg = f"host {self.server.host} can be reached from elsewhere: give every account its api_key and secret"
            raise ConfigError(msg)
        return evolve(self, accounts=accounts)

    def open(self) -> PaperExchange | ScriptedExchange:
        """
        The exchange with its accounts.

        Raises:
            ConfigError, FeedError: when a setting is wrong or a recording cannot be read.
        """
        given: dict[str, Any] = {"db_url": self.db_url or MEMORY, "durability": self.durability, **self.market}
        # time goes on by itself: who is served decides nothing about it
        if given.get("recording"):
            given.setdefault("speed", "1")
        settings = Settings.read(given)
        if settings.speed == "max":
            raise ConfigError("speed='max' is for a bot in the same process; a server's market needs a factor")
        exchange = _scripted(settings) if settings.feed == "push" else PaperExchange(settings)
        # a client signs by its own clock, which is the market's only where that is real time
        timed = settings.is_real_time
        if isinstance(exchange, PaperExchange):
            try:
                exchange.open_accounts({account.name: account.balances for account in self.accounts})
            except ExecPluginError:
                exchange.close()
                raise
        for account in self.accounts:
            held = {asset: to_units(amount) for asset, amount in account.balances.items()}
            opened = exchange.venue.open_account(account.name, held)
            exchange.gateway.keys[account.api_key] = Key(opened, account.secret, timed=timed)
        if self.faults:
            exchange.gateway.inject(Faults.read(self.faults))
        return exchange


def _scripted(settings: Settings) -> ScriptedExchange:
    """An empty market that its control routes fill."""
    symbols = [default_symbol(name).to_exchange_info() for name in settings.symbols or ("BTCUSDT", "ETHUSDT")]
    rates = {name: str(value) for name, value in settings.fees.items() if name != "bnb_discount"}
    setup = {
        "symbols": symbols,
        "rateLimits": settings.rate_limits(),
        "commission": {"standard": rates} if rates else {},
        # nobody knows this key; those of the accounts are added to it
        "apiKey": new_secret(),
        "secretKey": new_secret(),
    }
    return ScriptedExchange(setup, wall_clock)


def read_plan(path: Path) -> Plan:
    """
    A plan from a TOML file (docs/server.md).

    Raises:
        ConfigError: when it cannot be read; an unknown name is told with the nearest known one.
    """
    table = read_toml(path)
    _only("the file", table, _TABLES)
    accounts = _table("accounts", table.get("accounts", {}))
    return Plan(
        server=_server(_table("server", table.get("server", {})), path.parent),
        market=_table("paper", table.get("paper", {})),
        accounts=tuple(_account(name, _table(name, entry), path.parent) for name, entry in accounts.items()),
        faults=_table("faults", table.get("faults", {})),
        db_url=str(table.get("db_url", "")),
        durability=str(table.get("durability", "full")),
    )


def read_faults(path: Path) -> dict[str, Any]:
    """
    Faults from a TOML file of their own.

    Raises:
        ConfigError: when it cannot be read.
    """
    return read_toml(path)


def _server(table: dict[str, Any], folder: Path) -> ServerSettings:
    known = {attribute.name: attribute for attribute in fields(ServerSettings)}
    _only("server", table, known)
    for name, value in table.items():
        wanted = str if name in _PATHS else type(known[name].default)
        if type(value) is not wanted:
            msg = f"server: {name}={value!r} is no {wanted.__name__}"
            raise ConfigError(msg)
    return ServerSettings(**{name: folder / value if name in _PATHS else value for name, value in table.items()})


def _account(name: str, table: dict[str, Any], folder: Path) -> AccountPlan:
    _only(f"accounts.{name}", table, ("balances", "api_key", "secret", "public_key_file"))
    secret = str(table.get("secret", ""))
    if "public_key_file" in table:
        try:
            secret = (folder / str(table["public_key_file"])).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            msg = f"accounts.{name}: public_key_file cannot be read: {error}"
            raise ConfigError(msg) from error
    balances = Settings.read({"balances": table["balances"]}).balances if "balances" in table else FUNDS
    is_told = bool(table.get("api_key")) and bool(secret)
    api_key = str(table.get("api_key") or new_secret())
    return AccountPlan(name, balances, api_key, secret or new_secret(), is_told=is_told)


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        msg = f"{name}={value!r} is a table"
        raise ConfigError(msg)
    return value


def _only(where: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    for name in table:
        if name not in known:
            msg = f"{where}: unknown setting {name!r}; {nearest(name, known)}"
            raise ConfigError(msg)
