"""A server that is killed while writers trade, and what is found of their orders after each start."""

from __future__ import annotations

import hmac
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

SYMBOLS = ("BTCUSDT", "ETHUSDT")
#: By account: two writers each. What they start with is enough for all they may want.
ACCOUNTS = ("alice", "bob")
FUNDS = {"USDT": "100000000", "BTC": "1000", "ETH": "10000", "BNB": "1000"}
#: Around what the synthetic markets trade at.
PRICES = {"BTCUSDT": 60_000, "ETHUSDT": 2_600}
SIZES = {"BTCUSDT": "0.001", "ETHUSDT": "0.01"}
#: From so many open orders on a symbol on an account is tidied up; 200 is the most, of stops 5.
MOST_OPEN = 30
#: How long a server may take to start, and to answer.
PATIENCE = 60


class Server:
    """The command in a process of its own, over accounts in a database."""

    def __init__(self, config):
        command = [sys.executable, "-m", "exec_plugin", "serve", "--port", "0", "--config", str(config)]
        begun = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        self.seconds = time.perf_counter() - begun
        if not line.startswith("BINANCE_BASE_URL="):
            raise AssertionError(self.process.communicate()[1])
        self.place = urlsplit(line.partition("=")[2])

    def client(self, account):
        """Somebody who signs for an account."""
        return Client(self.place, account)

    def kill(self):
        """End it as a power cut would, but for the disk."""
        self.process.kill()
        self.process.communicate()


class Client:
    """One connection that signs for an account."""

    def __init__(self, place, account):
        self._account = account
        self._line = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE)

    def ask(self, method, path, **params):
        """The status and the reply; OSError or HTTPException where there is none."""
        params["timestamp"] = time.time_ns() // 1_000_000
        params["recvWindow"] = 60_000
        query = urlencode(params)
        signature = hmac.digest(self._account.encode(), query.encode(), "sha256").hex()
        self._line.request(method, f"{path}?{query}&signature={signature}", headers={"X-MBX-APIKEY": self._account})
        reply = self._line.getresponse()
        return reply.status, json.loads(reply.read())

    def close(self):
        """Hang up."""
        self._line.close()

    def must(self, path, **params):
        """The reply to a question that is always answered."""
        status, reply = self.ask("GET", path, **params)
        assert status == 200, reply
        return reply


class Known:
    """What an account's writers were told, and what was found of it."""

    def __init__(self):
        self.lock = threading.Lock()
        #: by client id: the reply to an order that was acknowledged
        self.acknowledged = {}
        self.cancelled = set()
        self.refused = set()
        self.unanswered = set()
        #: by order id: what was found when it was over
        self.over = {}
        self.ids = {}
        self.trades = {symbol: {} for symbol in SYMBOLS}
        self.checked = dict.fromkeys(SYMBOLS, 0)


class Writer(threading.Thread):
    """Places, lists and cancels until the server is gone."""

    def __init__(self, server, account, known, name, seed):
        super().__init__()
        self._client = server.client(account)
        self._known = known
        self._name = name
        self._random = random.Random(seed)
        self._open = []
        self.tally = Counter()

    def run(self):
        """Trade on."""
        number = 0
        try:
            while True:
                number += 1
                if self._open and self._random.random() < 0.3:
                    self._cancel()
                elif self._random.random() < 0.15:
                    self._place_oco(f"{self._name}-{number}")
                else:
                    self._place(f"{self._name}-{number}")
        except (OSError, http.client.HTTPException):
            # that is how it ends
            return
        finally:
            self._client.close()

    def _send(self, path, client_ids, **params):
        known = self._known
        known.unanswered.update(client_ids)
        status, reply = self._client.ask("POST", path, **params)
        known.unanswered.difference_update(client_ids)
        self.tally[f"{path.rpartition('/')[2]} {'accepted' if status == 200 else 'refused'}"] += 1
        if status != 200:
            known.refused.update(client_ids)
            return None
        return reply

    def _place(self, client_id):
        symbol = self._random.choice(SYMBOLS)
        side = self._random.choice(("BUY", "SELL"))
        order = {"symbol": symbol, "side": side, "quantity": SIZES[symbol], "newClientOrderId": client_id}
        if self._random.random() < 0.5:
            order |= {"type": "MARKET"}
        else:
            away = self._random.choice((0.01, 0.05, 0.2))
            price = round(PRICES[symbol] * (1 - away if side == "BUY" else 1 + away), 2)
            order |= {"type": "LIMIT", "timeInForce": "GTC", "price": price}
        reply = self._send("/api/v3/order", [client_id], newOrderRespType="FULL", **order)
        if reply is not None:
            self._known.acknowledged[client_id] = reply
            if reply["status"] == "NEW":
                self._open.append((symbol, client_id))

    def _place_oco(self, client_id):
        symbol = self._random.choice(SYMBOLS)
        names = [f"{client_id}-a", f"{client_id}-b"]
        reply = self._send(
            "/api/v3/orderList/oco", names, symbol=symbol, side="SELL", quantity=SIZES[symbol],
            aboveType="LIMIT_MAKER", abovePrice=round(PRICES[symbol] * 1.3, 2), aboveClientOrderId=names[0],
            belowType="STOP_LOSS", belowStopPrice=round(PRICES[symbol] * 0.7, 2), belowClientOrderId=names[1],
        )  # fmt: skip
        if reply is not None:
            self._known.acknowledged.update((report["clientOrderId"], report) for report in reply["orderReports"])
            self._open.append((symbol, names[0]))

    def _cancel(self):
        symbol, client_id = self._open.pop(self._random.randrange(len(self._open)))
        status, _ = self._client.ask("DELETE", "/api/v3/order", symbol=symbol, origClientOrderId=client_id)
        self.tally[f"cancel {'accepted' if status == 200 else 'refused'}"] += 1
        if status == 200:
            self._known.cancelled.add(client_id)


class Trial:
    """
    Kills one server after the other over the same accounts, and compares what is found with what was told.

    Args:
        folder: for the configuration.
        url: of the database.
        seed: of what is traded, and of when it ends.
        durability: of the journal.
        accounts: whom the server has.
    """

    def __init__(self, folder, url, seed=0, durability="full", accounts=ACCOUNTS):
        self._config = folder / "server.toml"
        tables = "".join(
            f'[accounts.{name}]\napi_key = "{name}"\nsecret = "{name}"\nbalances = {{{_toml(FUNDS)}}}\n'
            for name in accounts
        )
        self._config.write_text(
            f'db_url = "{url}"\ndurability = "{durability}"\n[paper]\nlimits = false\nseed = {seed}\n'
            f"symbols = {list(SYMBOLS)}\n{tables}",
            encoding="utf-8",
        )
        self._random = random.Random(seed)
        self.known = {name: Known() for name in accounts}
        self.tally = Counter()
        #: how often each of WRONGS was found, and the first of them
        self.wrong = Counter()
        self.details = []
        self.starts = []
        self.kills = 0

    def server(self):
        """Start one more."""
        server = Server(self._config)
        self.starts.append(server.seconds)
        return server

    def life(self, longest):
        """Let writers trade for a while, kill the server, and wait for them."""
        server = self.server()
        try:
            self.check(server)
        except BaseException:
            server.kill()
            raise
        self._make_room(server)
        writers = self.write(server)
        writers[0].join(self._random.uniform(0.02, longest))
        self.end_life(server, writers)

    def lives(self, least, what, enough):
        """So many lives of up to a second, and more on a machine so busy that not ``enough`` has come of them."""
        for life in range(20 * least):
            if life >= least and self.tally[what] >= enough:
                return
            self.life(1.0)

    def _make_room(self, server):
        """Cancel all orders of an account that soon may have no more: nobody would trade any longer."""
        for name, known in self.known.items():
            client = server.client(name)
            for symbol in SYMBOLS:
                if len(client.must("/api/v3/openOrders", symbol=symbol)) < MOST_OPEN:
                    continue
                status, replies = client.ask("DELETE", "/api/v3/openOrders", symbol=symbol)
                assert status == 200, replies
                ended = [report for reply in replies for report in reply.get("orderReports", [reply])]
                known.cancelled.update(report["origClientOrderId"] for report in ended)
            client.close()

    def write(self, server):
        """Let two writers trade for each account."""
        writers = [
            Writer(server, name, self.known[name], f"{self.kills}-{number}", self._random.random())
            for name in self.known
            for number in (1, 2)
        ]
        for number, writer in enumerate(writers):
            writer._name = f"{self.kills}-{number}"
            writer.start()
        return writers

    def end_life(self, server, writers):
        """Kill the server, and wait for its writers."""
        server.kill()
        self.kills += 1
        for writer in writers:
            writer.join()
            self.tally.update(writer.tally)

    def check(self, server, *, whole=False):
        """Compare what a fresh server tells with what was acknowledged before."""
        for name, known in self.known.items():
            client = server.client(name)
            for symbol in SYMBOLS:
                self._check_symbol(client, known, symbol, whole=whole)
            self._check_named(known)
            self._check_money(client, known)
            client.close()
        self._check_ids()

    def _hold(self, right, what, detail):
        if not right:
            self.wrong[what] += 1
            if len(self.details) < 10:
                self.details.append(f"after {self.kills} kills, {what}: {detail}")

    def _check_symbol(self, client, known, symbol, *, whole):
        # what was over before is looked at again at the end only
        first = 0 if whole else known.checked[symbol]
        orders = list(_pages(client, "/api/v3/allOrders", "orderId", "orderId", first, symbol))
        trades = list(_pages(client, "/api/v3/myTrades", "fromId", "id", 0 if whole else _last(known.trades[symbol]),
                             symbol))  # fmt: skip
        for trade in trades:
            told = known.trades[symbol].setdefault((trade["id"], trade["orderId"]), trade)
            self._hold(told == trade, CHANGED, (told, trade))
        filled, spent = Counter(), Counter()
        for trade in known.trades[symbol].values():
            filled[trade["orderId"]] += Decimal(trade["qty"])
            spent[trade["orderId"]] += Decimal(trade["quoteQty"])
        for order in orders:
            number = order["orderId"]
            traded = (Decimal(order["executedQty"]), Decimal(order["cummulativeQuoteQty"]))
            self._hold(traded == (filled[number], spent[number]), HALF, order)
            before = known.over.get(number, order)
            self._hold(before == order or before["status"] in _OPEN, CHANGED, (before, order))
            known.over[number] = order
            known.ids[order["clientOrderId"]] = order
        still = [order["orderId"] for order in orders if order["status"] in _OPEN]
        known.checked[symbol] = min(still, default=max([known.checked[symbol], *(one["orderId"] for one in orders)]))

    def _check_named(self, known):
        """Acknowledged orders and cancels are there; refused orders are not."""
        self._hold(not known.refused & known.ids.keys(), REFUSED, known.refused & known.ids.keys())
        for client_id, told in known.acknowledged.items():
            found = known.ids.get(client_id)
            if found is None or found["orderId"] != told["orderId"]:
                self._hold(False, LOST, told)
                continue
            filled = Decimal(found["executedQty"]) >= Decimal(told["executedQty"])
            self._hold(filled and (found["status"] == "FILLED" or told["status"] != "FILLED"), LOST, (told, found))
            for fill in told.get("fills", ()):
                self._hold((fill["tradeId"], told["orderId"]) in known.trades[told["symbol"]], LOST, (told, fill))
        for client_id in known.cancelled:
            self._hold(known.ids.get(client_id, {}).get("status") == "CANCELED", LOST, f"cancel of {client_id}")

    def _check_money(self, client, known):
        """Balances are what was paid in and traded, and what is locked is what open orders need."""
        account = client.must("/api/v3/account")
        held = Counter({asset: Decimal(amount) for asset, amount in FUNDS.items()})
        for symbol, trades in known.trades.items():
            base, quote = symbol.removesuffix("USDT"), "USDT"
            for trade in trades.values():
                sign = 1 if trade["isBuyer"] else -1
                held[base] += sign * Decimal(trade["qty"])
                held[quote] -= sign * Decimal(trade["quoteQty"])
                held[trade["commissionAsset"]] -= Decimal(trade["commission"])
        needs = Counter()
        for order in client.must("/api/v3/openOrders"):
            left = Decimal(order["origQty"]) - Decimal(order["executedQty"])
            if order["side"] == "BUY":
                needs["USDT"] += left * Decimal(order["price"])
            elif order["orderListId"] == -1 or order["type"] == "LIMIT_MAKER":
                # a pair locks once
                needs[order["symbol"].removesuffix("USDT")] += left
        for balance in account["balances"]:
            asset, locked = balance["asset"], Decimal(balance["locked"])
            right = (Decimal(balance["free"]) + locked, locked) == (held[asset], needs[asset])
            self._hold(right, MONEY, (balance, held[asset], needs[asset]))

    def _check_ids(self):
        """No id was given twice, to whomever."""
        numbers = Counter(order["orderId"] for known in self.known.values() for order in known.ids.values())
        twice = [number for number, count in numbers.items() if count > 1]
        self._hold(not twice, TWICE, twice)
        for symbol in SYMBOLS:
            sides = Counter(
                (trade["id"], trade["isBuyer"])
                for known in self.known.values()
                for trade in known.trades[symbol].values()
            )
            twice = [side for side, count in sides.items() if count > 1]
            self._hold(not twice, TWICE, twice)

    def end(self):
        """Look at everything once more; answers what came of it."""
        server = self.server()
        self.check(server, whole=True)
        server.kill()
        for known in self.known.values():
            self.tally["orders acknowledged"] += len(known.acknowledged)
            self.tally["orders unanswered"] += len(known.unanswered)
            self.tally["orders unanswered and there, whole"] += len(known.unanswered & known.ids.keys())
            self.tally["cancels acknowledged"] += len(known.cancelled)
            self.tally["fills"] += sum(map(len, known.trades.values()))
        return self.tally


LOST, HALF, MONEY = "acknowledged and lost", "half there", "balances that do not add up"
TWICE, REFUSED, CHANGED = "ids that came twice", "refused and there", "changed after it was over"
WRONGS = (LOST, HALF, MONEY, TWICE, REFUSED, CHANGED)
_OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW")


def _pages(client, path, param, key, first, symbol):
    while True:
        page = client.must(path, symbol=symbol, limit=1000, **{param: first})
        yield from page
        if len(page) < 1000:
            return
        # trades of both sides may share an id: the last one is asked for again
        first = page[-1][key]
        if page[0][key] == first:
            return


def _last(trades):
    return max((number for number, _ in trades), default=0)


def _toml(funds):
    return ", ".join(f'{asset} = "{amount}"' for asset, amount in funds.items())
