// Plain ccxt from npm against a served exchange: `node ccxt_js.cjs SCENARIO`, addresses and keys in the environment.
"use strict";

const assert = require("node:assert/strict");
const dns = require("node:dns");
const ccxt = require("ccxt");

const { BINANCE_BASE_URL: url, BINANCE_API_KEY: apiKey, BINANCE_API_SECRET: secret } = process.env;
const ws = url.replace("http", "ws");
const BTC = "BTC/USDT";

// a host that has to be looked up is not this machine
dns.lookup = (host) => {
  throw new Error(`tests touch no network, but ${host} was asked for`);
};

function config() {
  const api = `${url}/api/v3`;
  const wallet = { sapi: 1, sapiV2: 2, sapiV3: 3, sapiV4: 4 };
  for (const name in wallet) wallet[name] = `${url}/sapi/v${wallet[name]}`;
  return {
    apiKey,
    secret,
    enableRateLimit: false,
    urls: {
      api: {
        public: api,
        private: api,
        v1: `${url}/api/v1`,
        ...wallet,
        ws: { spot: `${ws}/ws`, "ws-api": { spot: `${ws}/ws-api/v3` } },
      },
    },
    options: { defaultType: "spot", fetchMarkets: { types: ["spot"] } },
  };
}

async function market(...events) {
  const body = JSON.stringify({ events });
  assert.equal((await fetch(`${url}/paper/market`, { method: "POST", body })).status, 200);
}

const trade = (price, qty, taker = "SELL") => market({ type: "trade", symbol: "BTCUSDT", price, qty, taker });

let ticks = 0;
async function tick() {
  await trade("49995", "0.01");
  await trade("50005", "0.02", "BUY");
  ticks += 1;
  const bids = [[`${49991 + (ticks % 3)}`, "1"], ["49980", "5"]];
  await market({ type: "book", symbol: "BTCUSDT", bids, asks: [["50010", "2"]] });
}

async function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came within ${seconds} seconds`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// make something happen, again and again, until what is awaited has come of it
async function provoke(awaited) {
  let done = false;
  const watched = awaited.finally(() => {
    done = true;
  });
  const turns = (async () => {
    while (!done) {
      await tick();
      await Promise.race([watched, new Promise((resolve) => setTimeout(resolve, 100))]).catch(() => {});
    }
  })();
  const value = await within(20, watched);
  await turns;
  return value;
}

const scenarios = {
  async trade(exchange) {
    assert.deepEqual(Object.keys(exchange.markets).sort(), ["BNB/USDT", "BTC/USDT", "ETH/USDT"]);
    assert.equal((await exchange.fetchTicker(BTC)).last, 50000);
    assert.deepEqual((await exchange.fetchOrderBook(BTC, 5)).bids[0], [49990, 2]);
    const order = await exchange.createOrder(BTC, "limit", "buy", 0.5, 49950);
    assert.equal((await exchange.fetchBalance()).USDT.used, 24975);
    await trade("49940", "100");
    assert.equal((await exchange.fetchOrder(order.id, BTC)).status, "closed");
    const sold = await exchange.createOrder(BTC, "market", "sell", 0.5);
    assert.deepEqual([sold.status, sold.average], ["closed", 49990]);
    const trades = await exchange.fetchMyTrades(BTC);
    assert.deepEqual(trades.map((one) => one.takerOrMaker), ["maker", "taker"]);
  },

  async cancel(exchange) {
    const order = await exchange.createOrder(BTC, "limit", "buy", 0.1, 49000);
    const edited = await exchange.editOrder(order.id, BTC, "limit", "buy", 0.2, 48000);
    assert.deepEqual([edited.price, edited.amount], [48000, 0.2]);
    assert.equal((await exchange.cancelOrder(edited.id, BTC)).status, "canceled");
    await exchange.createOrder(BTC, "limit", "sell", 0.1, 48000, { stopLossPrice: 48500 });
    assert.equal((await exchange.cancelAllOrders(BTC)).length, 1);
    assert.equal((await exchange.fetchOrders(BTC)).length, 3);
  },

  async oco(exchange) {
    const legs = { aboveType: "LIMIT_MAKER", abovePrice: "51000", belowType: "STOP_LOSS", belowStopPrice: "49000" };
    const list = { symbol: "BTCUSDT", side: "SELL", quantity: "0.1", ...legs };
    assert.equal((await exchange.privatePostOrderListOco(list)).listOrderStatus, "EXECUTING");
    await trade("52000", "100", "BUY");
    const orders = await exchange.fetchOrders(BTC);
    assert.deepEqual(orders.map((order) => order.status).sort(), ["closed", "expired"]);
  },

  async errors(exchange) {
    await assert.rejects(exchange.createOrder(BTC, "limit", "buy", 99, 49000), ccxt.InsufficientFunds);
    await assert.rejects(exchange.cancelOrder("404", BTC), ccxt.OrderNotFound);
    await assert.rejects(exchange.publicGetDepth({ symbol: "NOSUCH" }), ccxt.BadSymbol);
    const stranger = new ccxt.binance({ ...config(), secret: "wrong" });
    await assert.rejects(stranger.privateGetAccount(), ccxt.AuthenticationError);
  },

  async streams(exchange) {
    assert.ok([49995, 50005].includes((await provoke(exchange.watchTrades(BTC)))[0].price));
    assert.equal((await provoke(exchange.watchTicker(BTC))).symbol, BTC);
    // a shorter candle could begin while the test runs
    assert.equal((await provoke(exchange.watchOHLCV(BTC, "1M"))).at(-1)[1], 50000);
    assert.deepEqual((await provoke(exchange.watchOrderBook(BTC))).asks[0], [50010, 2]);
    assert.equal((await provoke(exchange.watchBidsAsks([BTC])))[BTC].ask, 50010);
  },

  async events(exchange) {
    await within(20, exchange.authenticate());
    const orders = exchange.watchOrders(BTC);
    const balance = exchange.watchBalance();
    const order = await exchange.createOrderWs(BTC, "limit", "buy", 0.5, 49950);
    const [told] = await within(20, orders);
    assert.deepEqual([told.id, told.status], [order.id, "open"]);
    assert.equal((await within(20, balance)).USDT.used, 24975);
    const trades = exchange.watchMyTrades(BTC);
    // watching begins a turn later
    await exchange.fetchOrderWs(order.id, BTC);
    await trade("49940", "100");
    assert.equal((await within(20, trades))[0].order, order.id);
    await assert.rejects(exchange.cancelOrderWs(order.id, BTC), ccxt.OrderNotFound);
  },
};

async function main(name) {
  const exchange = new ccxt.pro.binance(config());
  // ccxt refuses ws: before it has looked for a proxy
  await exchange.loadHttpProxyAgent();
  await exchange.loadMarkets();
  await scenarios[name](exchange);
  await exchange.close();
}

main(process.argv[2]).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
