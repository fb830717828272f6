/* The trade page of the double auction: the book as a ladder, the period's trades as a chart, the trader's own
   orders and trades. market.js draws the rest and calls this with its tools.

   Each frame is one step of the market with what it changed (see markets/trading_period.py); the data block
   follows it step by step, and asks for the whole state where one is missing. */

(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const MOST_ROWS = 8; // of each side that the ladder shows at once; the rest is counted

  /* Amounts are decimal text; they are compared as integers of one scale. */
  function compare(one, other) {
    const scaled = (text, scale) => {
      const [whole, fraction = ""] = String(text).split(".");
      return BigInt(whole + fraction.padEnd(scale, "0"));
    };
    const scale = Math.max(...[one, other].map((text) => (String(text).split(".")[1] || "").length));
    const [first, second] = [scaled(one, scale), scaled(other, scale)];
    return first < second ? -1 : first > second ? 1 : 0;
  }

  function levelsAfter(known, changed, side) {
    const levels = new Map(known.map((level) => [level.limit, level.quantity]));
    for (const level of changed) if (level.side === side) levels.set(level.limit, level.quantity);
    return Array.from(levels, ([limit, quantity]) => ({ limit, quantity }))
      .filter((level) => level.quantity > 0)
      .sort((one, other) => (side === "buy" ? compare(other.limit, one.limit) : compare(one.limit, other.limit)));
  }

  /* Returns the view after a frame; null where a step before it is missing. */
  function follow(view, frame) {
    const { period } = view;
    const account = frame.holdings ? { holdings: frame.holdings, open_orders: frame.open_orders } : {};
    if (frame.type === "state") return frame.period.seq < period.seq ? view : { ...view, ...account, period: frame.period };
    if (frame.seq <= period.seq) return view;
    if (frame.seq > period.seq + 1) return null;
    return {
      ...view,
      ...account,
      period: {
        ...period,
        seq: frame.seq,
        open: frame.type !== "closed",
        bids: levelsAfter(period.bids, frame.book, "buy"),
        offers: levelsAfter(period.offers, frame.book, "sell"),
        trades: period.trades.concat(frame.trades),
        own_trades: period.own_trades.concat(frame.own_trades || []),
      },
    };
  }

  function svg(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.appendChild(made);
    return made;
  }

  window.marketExtension = function (tools) {
    const { texts, drawings, receive, keep, make, money, shares, say, send, newRef, describeOrder, one, orderForm } = tools;
    const unit = shares;

    /* Values, costs and earnings. */

    function cents(amount) {
      return tools.parts(money(amount)).units;
    }

    function text(units) {
      const decimals = tools.view().market.decimals;
      const digits = String(units < 0n ? -units : units).padStart(decimals + 1, "0");
      const whole = decimals ? digits.slice(0, -decimals) + "." + digits.slice(-decimals) : digits;
      return (units < 0n ? "−" : "") + whole;
    }

    /* One entry a unit that has traded: its worth, the price and what it earned. */
    function tradedUnits() {
      const { period, units } = tools.view();
      if (!units || !period) return [];
      const prices = period.own_trades.flatMap((trade) => Array(trade.quantity).fill(trade.price));
      return prices.map((price, i) => {
        const gain = units.side === "buy" ? cents(units.worth[i]) - cents(price) : cents(price) - cents(units.worth[i]);
        return { worth: units.worth[i], price, gain };
      });
    }

    const earned = () => text(tradedUnits().reduce((sum, traded) => sum + traded.gain, 0n));

    Object.assign(texts, {
      "best-bid": () => quote("bids"),
      "best-offer": () => quote("offers"),
      "period-volume": () => String(tools.view().period.trades.reduce((sum, trade) => sum + trade.quantity, 0)),
      "period-earned": earned,
      "role": () => (tools.view().units.side === "buy" ? "You are a buyer" : "You are a seller"),
      "result-earnings": () => money(tools.view().result.earnings).replace("-", "−"),
      "result-traded": resultTraded,
      "units-left": () => String(tools.view().units.worth.length - tradedUnits().length),
    });

    function quote(side) {
      const levels = tools.view().period[side];
      return levels.length ? money(levels[0].limit) : "none";
    }

    function resultTraded() {
      const { bought, sold } = tools.view().result;
      const done = [bought ? "bought " + unit(bought) : "", sold ? "sold " + unit(sold) : ""].filter(Boolean);
      return done.length ? "You " + done.join(" and ") + "." : "You did not trade in this period.";
    }

    /* What is drawn. */

    Object.assign(drawings, {
      ladder(table) {
        const { period, open_orders: own, units } = tools.view();
        const mine = new Map();
        for (const order of own) {
          const key = order.side + order.limit;
          mine.set(key, (mine.get(key) || 0) + order.quantity);
        }
        const offers = period.offers.slice(0, MOST_ROWS).reverse();
        const bids = period.bids.slice(0, MOST_ROWS);
        const most = Math.max(1, ...offers.concat(bids).map((level) => level.quantity));
        // A row stays the same element while its level is there: a click is not lost when the book changes under it.
        const rows = new Map(Array.from(table.querySelectorAll("tr[data-level]"), (row) => [row.dataset.level + row.dataset.limit, row]));
        const rowOf = (side, level) => {
          const row = rows.get(side + level.limit) || newRow(side, level);
          const button = row.querySelector("button");
          row.dataset.quantity = level.quantity;
          button.textContent = String(level.quantity);
          button.style.setProperty("--share", level.quantity / most);
          button.setAttribute("aria-label",
            (side === "sell" ? "Buy" : "Sell") + " at " + money(level.limit) + ": " + unit(level.quantity) +
            (side === "buy" ? " bid" : " offered"));
          button.disabled = Boolean(units) && units.side === side;
          const count = mine.get(side + level.limit);
          row.querySelector(".ladder__own").textContent = count ? (side === "buy" ? "your bid: " : "your offer: ") + count : "";
          return row;
        };
        const note = (name, words) => make("tr", { class: "ladder__" + name }, make("td", { colspan: 3 }, words));
        const more = (levels, words) =>
          levels.length > MOST_ROWS ? [note("more", "and " + (levels.length - MOST_ROWS) + " more prices " + words)] : [];
        const wanted = [
          ...more(period.offers, "above"), ...offers.map((level) => rowOf("sell", level)), note("spread", spread(period)),
          ...bids.map((level) => rowOf("buy", level)), ...more(period.bids, "below"),
        ];
        if (!table.tBodies.length) table.replaceChildren(tools.tableHead(["Bids", "Price", "Offers"]), make("tbody"));
        const body = table.tBodies[0];
        const kept = new Set(wanted);
        for (const old of Array.from(body.rows)) if (!kept.has(old)) old.remove();
        wanted.forEach((row, i) => {
          if (body.rows[i] !== row) body.insertBefore(row, body.rows[i] || null);
        });
      },

      "period-chart": periodChart,

      trades(table) {
        const own = tools.view().period.own_trades;
        one("#no-trades").hidden = own.length > 0;
        const worth = tradedUnits();
        let before = 0;
        const rows = own.map((trade) => {
          const gain = worth.slice(before, (before += trade.quantity)).reduce((sum, traded) => sum + traded.gain, 0n);
          const cells = [
            make("span", { class: "tag tag--" + trade.side }, trade.side === "buy" ? "Bought" : "Sold"),
            trade.quantity, money(trade.price),
          ];
          return worth.length ? cells.concat([text(gain)]) : cells;
        });
        table.replaceChildren(...(own.length
          ? [tools.tableHead(["Side", "Quantity", "Price"].concat(worth.length ? ["Earned"] : [])), tools.tableBody(rows.reverse())]
          : []));
        for (const [i, line] of Array.from(table.querySelectorAll("tbody tr")).entries()) {
          line.setAttribute("data-own-trade", own[own.length - 1 - i].number);
        }
      },

      units(list) {
        const { units } = tools.view();
        const done = tradedUnits();
        list.replaceChildren(...units.worth.map((worth, i) => {
          const state = i < done.length ? "done" : i === done.length ? "next" : "later";
          const words = state === "done"
            ? (units.side === "buy" ? "bought for " : "sold for ") + money(done[i].price) + ", earned " + text(done[i].gain)
            : state === "next" ? "your next unit" : "";
          return make("li", { class: "unit unit--" + state, "data-unit": state },
            make("span", { class: "number" }, money(worth)), make("span", { class: "quiet" }, words));
        }));
      },
    });

    function newRow(side, level) {
      const button = make("button", { type: "button", class: "ladder__level ladder__level--" + side,
        "data-take": side === "buy" ? "sell" : "buy", "data-limit": level.limit }); // who clicks a bid sells to it
      const own = make("span", { class: "ladder__own" });
      const cells = side === "buy" ? [button, money(level.limit), own] : [own, money(level.limit), button];
      return make("tr", { "data-level": side, "data-limit": level.limit }, ...cells.map((cell) => make("td", {}, cell)));
    }

    function spread(period) {
      if (!period.bids.length && !period.offers.length) return "No open orders";
      if (!period.bids.length) return "No bids";
      if (!period.offers.length) return "No offers";
      return "Spread " + text(cents(period.offers[0].limit) - cents(period.bids[0].limit));
    }

    /* Prices of the period's trades against time; the trader's own are filled. */
    function periodChart(host) {
      const { period, market, history, round } = tools.view();
      const letters = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
      const width = Math.max(260, (host.clientWidth || 560) / letters);
      const height = Math.round(Math.min(300, Math.max(190, width * 0.4)));
      const margin = { top: 16, right: 16, bottom: 26, left: 50 };
      const floor = height - margin.bottom;
      const last = period.trades.length ? period.trades[period.trades.length - 1].second : 0;
      const length = Math.max(market.trade_seconds || 60, last, 1);
      const quotes = [period.bids[0], period.offers[0]].filter(Boolean).map((level) => Number(level.limit));
      const priced = history.filter((past) => past.price !== null && past.number < round.number);
      const before = priced.length ? priced[priced.length - 1].price : market.induced ? null : market.initial_price;
      const known = period.trades.map((trade) => Number(trade.price)).concat(quotes, before === null ? [] : [Number(before)]);
      const { low, high, marks } = window.marketChart.priceScale(known.length ? known : [Number(market.max_price) / 2]);
      const decimals = Math.max(0, ...marks.map((mark) => (String(Number(mark.toFixed(6))).split(".")[1] || "").length));
      const x = (second) => margin.left + (second / length) * (width - margin.left - margin.right);
      const y = (price) => floor - ((Number(price) - low) / (high - low)) * (floor - margin.top);

      const picture = document.createElementNS(SVG, "svg");
      picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", period.trades.length
        ? period.trades.length + " trades in this period; the last at " + money(period.trades[period.trades.length - 1].price)
        : "No trade in this period yet.");
      for (const mark of marks) {
        svg(picture, "line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(mark), y2: y(mark) });
        svg(picture, "text", { x: margin.left - 8, y: y(mark) + 4, "text-anchor": "end" }, mark.toFixed(decimals));
      }
      svg(picture, "line", { class: "axis", x1: margin.left, x2: width - margin.right, y1: floor, y2: floor });
      for (let i = 0; i <= 4; i += 1) {
        const second = Math.round((length * i) / 4);
        svg(picture, "text", { x: x(second), y: floor + 18, "text-anchor": i === 4 ? "end" : "middle" }, second + " s");
      }
      if (before !== null) {
        svg(picture, "line", { class: "opening", x1: margin.left, x2: width - margin.right, y1: y(before), y2: y(before) });
      }
      svg(picture, "path", { class: "price", d: period.trades.map((trade, i) =>
        i ? `H${x(trade.second)}V${y(trade.price)}` : `M${x(trade.second)} ${y(trade.price)}`).join("") });
      const own = new Map(period.own_trades.map((trade) => [trade.number, trade.side]));
      for (const trade of period.trades) {
        const side = own.get(trade.number);
        const dot = svg(picture, "circle", { class: side ? "point point--" + side : "point", cx: x(trade.second),
          cy: y(trade.price), r: side ? 5 : 4, "data-trade": trade.number, "data-trade-price": trade.price });
        svg(dot, "title", {}, "Trade " + trade.number + ": " + unit(trade.quantity) + " at " + money(trade.price) +
          (side === "buy" ? ", you bought" : side === "sell" ? ", you sold" : ""));
      }
      host.replaceChildren(picture);
    }

    if (!orderForm) return;

    /* Frames. */

    let asked = false;

    function sync() {
      if (asked) return;
      asked = true;
      send({ type: "sync", ref: newRef() });
    }

    function take(frame) {
      const before = tools.view();
      const after = follow(before, frame);
      if (after === null) return sync();
      if (frame.type === "state") asked = false;
      if (after !== before) keep(after);
      const fresh = after.period.own_trades.slice(before.period.own_trades.length);
      if (fresh.length) {
        say("placed", "You traded", fresh.map((trade) =>
          (trade.side === "buy" ? "Bought " : "Sold ") + unit(trade.quantity) + " at " + money(trade.price) + "."));
      }
      return fresh.length > 0;
    }

    Object.assign(receive, {
      placed(frame) {
        if (take(frame)) return;
        const order = tools.view().open_orders.find((one) => one.order_id === frame.order_id);
        say("placed", "Order placed", order ? [(order.side === "buy" ? "Buy " : "Sell ") + unit(order.quantity) + " at " +
          money(order.limit) + (order.side === "buy" ? " or less." : " or more.")] : []);
      },
      cancelled(frame) {
        const had = document.activeElement && document.activeElement.dataset.cancel;
        take(frame);
        say("cancelled", "Order cancelled");
        if (had) (one("[data-cancel]") || orderForm.elements.quantity).focus();
      },
      news: take,
      state: take,
      closed(frame) {
        take(frame);
        document.getElementById("form").requestSubmit(one(".otree-btn-next"));
      },
    });

    // What happened between the making of this page and the opening of its channel, or while that was broken.
    window.liveSocket.addEventListener("open", () => {
      asked = false;
      sync();
    });

    /* Order entry: a click on the ladder fills the form, arrow keys move the price by a tick. */

    one('[data-draw="ladder"]').addEventListener("click", (event) => {
      const level = event.target.closest("[data-take]");
      if (!level) return;
      orderForm.elements.side.value = level.dataset.take;
      orderForm.elements.limit.value = money(level.dataset.limit);
      describeOrder();
      one("#place-order").focus();
    });

    const limit = orderForm.elements.limit;
    limit.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      const typed = /^\d{1,9}(\.\d{1,9})?$/.test(limit.value.trim()) ? limit.value.trim() : null;
      const { market, period } = tools.view();
      const start = typed || (period.trades.length ? period.trades[period.trades.length - 1].price : market.initial_price);
      const moved = typed ? cents(start) + (event.key === "ArrowUp" ? 1n : -1n) * cents(market.tick) : cents(start);
      if (moved > 0n) limit.value = text(moved);
      describeOrder();
    });

    if (tools.view().units) {
      orderForm.elements.side.value = tools.view().units.side;
      describeOrder();
    }
  };
})();
