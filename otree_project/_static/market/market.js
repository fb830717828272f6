/* The pages of the market. All that changes from page to page stands once in the page, as data
   (<script id="market-view">); this script draws from it what people see, and keeps it current:
   after each live frame the data block is written anew, so whoever reads it later reads the present. */

(function () {
  "use strict";

  const block = document.getElementById("market-view");
  if (!block) return;
  let view = JSON.parse(block.textContent);

  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);

  function make(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  /* Amounts: exact decimal strings in, exact decimal strings out. */

  function parts(amount) {
    const [whole, fraction = ""] = String(amount).split(".");
    return { units: BigInt(whole + fraction), scale: fraction.length };
  }

  function money(amount, decimals = view.market.decimals) {
    const [whole, fraction = ""] = String(amount).split(".");
    const shown = fraction.padEnd(decimals, "0");
    return shown ? whole + "." + shown : whole;
  }

  /* A mean price without an end comes with six decimals; people need no more than those of a price. */
  function price(amount) {
    const { units, scale } = parts(amount);
    const cut = scale - view.market.decimals;
    if (scale < 6 || cut <= 0) return money(amount);
    const step = 10n ** BigInt(cut);
    const kept = ((units + step / 2n) / step).toString().padStart(view.market.decimals + 1, "0");
    return kept.slice(0, -view.market.decimals) + "." + kept.slice(-view.market.decimals);
  }

  const pay = (amount) => money(amount, 2) + " " + view.market.currency;

  function times(amount, count) {
    const { units, scale } = parts(amount);
    const product = (units * BigInt(count)).toString().padStart(scale + 1, "0");
    const cut = product.length - scale;
    return scale ? product.slice(0, cut) + "." + product.slice(cut) : product;
  }

  function percent(rate) {
    const shifted = times(rate, 100);
    return (shifted.includes(".") ? shifted.replace(/\.?0+$/, "") : shifted) + " %";
  }

  const thing = () => (view.market.induced ? "unit" : "share");
  const shares = (count) => count + " " + thing() + (count === 1 ? "" : "s");

  function lastPrice() {
    const priced = view.history.filter((past) => past.price !== null);
    return priced.length ? priced[priced.length - 1].price : view.market.initial_price;
  }

  const roundNumber = () => (view.round ? view.round.number : 1);

  function interest() {
    const byRound = view.market.interest_by_round;
    return percent(byRound ? byRound[roundNumber() - 1] : view.market.interest_rate);
  }

  function dividends() {
    const byRound = view.market.dividends_by_round;
    const outcomes = byRound ? byRound[roundNumber() - 1] : view.market.dividends;
    const even = outcomes.every((outcome) => outcome.weight === outcomes[0].weight);
    const total = outcomes.reduce((sum, outcome) => sum + outcome.weight, 0);
    const words = outcomes.map(
      (outcome) => money(outcome.amount) + (even ? "" : " (" + outcome.weight + " in " + total + ")")
    );
    return words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " or " + words[words.length - 1];
  }

  function roundText(round) {
    const phase = round.phase === "practice" ? "Practice round " : "Round ";
    const several = view.market.paid_markets > 1 && round.phase === "paid";
    const market = several ? "Market " + round.market + " of " + view.market.paid_markets + " · " : "";
    return market + phase + round.number + " of " + round.of;
  }

  /* What a data-show element shows. */
  const texts = {
    "round": () => (view.round ? roundText(view.round) : ""),
    "last-price-label": () => (view.history.some((past) => past.price !== null) ? "Last price" : "Reference price"),
    "last-price": () => price(lastPrice()),
    "dividends": dividends,
    "interest-rate": () => interest() + " a round",
    "buy-back": () => money(view.market.buy_back),
    "cash": () => money(view.holdings.cash),
    "shares": () => String(view.holdings.shares),
    "cash-available": () => money(view.holdings.cash_available),
    "shares-available": () => String(view.holdings.shares_available),
    "shares-worth": () => money(times(lastPrice(), view.holdings.shares)),
    "result-price": () => (view.result.price === null ? "none" : price(view.result.price)),
    "result-volume": () => String(view.result.volume),
    "result-dividend": () => money(view.result.dividend),
    "result-dividends": () => money(view.result.dividends),
    "result-interest": () => money(view.result.interest),
    "result-outcome": outcome,
    "forecast-tolerance": () => money(view.market.forecast_tolerance),
    "forecast-reward": () => money(view.market.forecast_reward),
    "forecast-max": () => money(view.market.forecast_max),
    "final-cash": () => money(view.final.cash),
    "final-shares": () => String(view.final.shares),
    "final-buy-back": () => money(view.final.buy_back_income),
    "final-wealth": () => money(view.final.final_wealth),
    "final-forecasts": () => money(view.final.forecast_earnings),
    "final-earlier": () => money(view.final.earlier_markets),
    "final-payoff": () => pay(view.final.payoff),
    "participation-fee": () => pay(view.market.participation_fee),
    "cash-per-unit": () => view.market.cash_per_currency_unit,
  };

  function question(field) {
    const asked = view.forecast_inputs.find((input) => input.field === field);
    return "Round " + asked.round + (asked.horizon === 0 ? " (this round)" : "");
  }

  function outcome() {
    const { bought, sold, price } = view.result;
    const at = price === null ? "." : " at " + money(price) + " each.";
    if (bought && sold) return "You bought " + shares(bought) + " and sold " + shares(sold) + at;
    if (bought) return "You bought " + shares(bought) + at;
    if (sold) return "You sold " + shares(sold) + at;
    return "You did not trade in this round.";
  }

  /* When a data-if element is there: of what a market does not have nothing is said. */
  const conditions = {
    "interest": () => (view.market.interest_by_round || [view.market.interest_rate]).some((rate) => Number(rate) > 0),
    "buy-back": () => Number(view.market.buy_back) > 0,
  };

  /* What a data-draw element is filled with. */
  const drawings = {
    chart(host) {
      window.marketChart.draw(host, {
        rounds: view.round ? view.round.of : view.market.paid_rounds,
        history: view.history,
        opening: view.market.induced || view.market.forecast_feedback ? null : view.market.initial_price,
        fundamental: (view.round && view.round.phase === "practice") ? null : view.market.fundamental_values,
        forecasts: view.forecasts,
        volumes: !view.market.forecast_feedback,
        dividends: !view.market.induced && !view.market.forecast_feedback,
        format: price,
      });
    },

    legend(host) {
      const entries = [
        ['<path class="price" d="M0 6H20"/><circle class="point" cx="10" cy="6" r="3.5"/>', "Price"],
      ];
      if (!view.market.forecast_feedback) {
        entries.push(['<rect class="volume" x="4" y="1" width="12" height="10" rx="2"/>', "Volume (" + thing() + "s, right)"]);
      }
      if (view.market.fundamental_values && view.round && view.round.phase === "paid") {
        entries.push(['<path class="fundamental" d="M0 6H20"/>', "Fundamental value"]);
      }
      if (view.forecasts.length) {
        entries.push(['<path class="forecast" d="M10 1L15 6L10 11L5 6Z"/>', "Your forecasts"]);
      }
      host.replaceChildren(...entries.map(([picture, words]) => {
        const item = make("li");
        item.innerHTML = '<svg viewBox="0 0 20 12">' + picture + "</svg>"; // constants of this file only
        item.append(words);
        return item;
      }));
    },

    history(table) {
      const { induced } = view.market;
      const own = new Map(view.own.map((mine) => [mine.number, mine]));
      const ofMine = (past, text) => (own.has(past.number) ? text(own.get(past.number)) : "");
      const columns = [
        ["Round", (past) => past.number],
        ["Price", (past) => (past.price === null ? "none" : price(past.price))],
        ["Volume", (past) => past.volume],
        ...(induced ? [] : [["Dividend", (past) => money(past.dividend)]]),
        ["You bought", (past) => ofMine(past, (mine) => mine.bought)],
        ["You sold", (past) => ofMine(past, (mine) => mine.sold)],
        ...(induced ? [
          ["You earned", (past) => ofMine(past, (mine) => money(mine.earnings).replace("-", "−"))],
        ] : [
          ["Cash after", (past) => ofMine(past, (mine) => money(mine.cash))],
          ["Shares after", (past) => ofMine(past, (mine) => mine.shares)],
        ]),
      ];
      const rows = view.history.map((past) => columns.map(([, text]) => text(past)));
      if (!rows.length) {
        table.replaceChildren(make("caption", { class: "quiet" }, "No round has been cleared yet."));
        return;
      }
      table.replaceChildren(tableHead(columns.map(([name]) => name)), tableBody(rows.reverse()));
    },

    orders(list) {
      one("#no-orders").hidden = view.open_orders.length > 0;
      // An order stays the same element while it is open: who is about to cancel it keeps the focus when others trade.
      const known = new Map(Array.from(list.children, (item) => [item.dataset.order, item]));
      const wanted = view.open_orders.map((order) => {
        const words = shares(order.quantity) + " at " + money(order.limit) + (order.side === "buy" ? " or less" : " or more");
        const item = known.get(String(order.order_id)) || newOrder(order);
        item.querySelector(".number").textContent = words;
        item.querySelector("button").setAttribute("aria-label", "Cancel: " + order.side + " " + words);
        return item;
      });
      for (const item of known.values()) if (!wanted.includes(item)) item.remove();
      wanted.forEach((item, i) => {
        if (list.children[i] !== item) list.insertBefore(item, list.children[i] || null);
      });
    },

    scored(host) {
      const scored = view.result.forecasts;
      host.hidden = scored.length === 0;
      const rows = scored.map((forecast) => [
        forecast.made_in, money(forecast.value),
        Number(forecast.reward) > 0
          ? make("span", { class: "tag tag--good" }, "+ " + money(forecast.reward))
          : make("span", { class: "tag tag--none" }, "no reward"),
      ]);
      one("#scored-table").replaceChildren(
        tableHead(["Made in round", "Your forecast", "Reward"]), tableBody(rows));
    },
  };

  function newOrder(order) {
    return make("li", { "data-order": order.order_id },
      make("span", { class: "tag tag--" + order.side }, order.side === "buy" ? "Buy" : "Sell"),
      make("span", { class: "number" }),
      make("button", { type: "button", class: "plain small", "data-cancel": order.order_id }, "Cancel"));
  }

  function tableHead(names) {
    return make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  }

  function tableBody(rows) {
    return make("tbody", {}, ...rows.map((row) =>
      make("tr", {}, ...row.map((cell) => make("td", {}, cell instanceof Node ? cell : String(cell))))));
  }

  function redraw() {
    for (const place of all("[data-show]")) place.textContent = texts[place.dataset.show]();
    for (const place of all("[data-draw]")) drawings[place.dataset.draw](place);
    for (const place of all("[data-forecast]")) place.textContent = question(place.dataset.forecast);
    for (const place of all("[data-if]")) place.hidden = !conditions[place.dataset.if]();
    for (const place of all("[data-if-reserved]")) {
      const kind = place.dataset.ifReserved;
      place.hidden = String(view.holdings[kind]) === String(view.holdings[kind + "_available"]);
    }
  }

  function keep(next) {
    view = next;
    block.textContent = JSON.stringify(view);
    redraw();
  }

  /* Orders. */

  const orderForm = document.getElementById("order-form");
  const sent = new Map(); // ref -> what the trader asked for, in words

  function newRef() {
    const random = crypto.getRandomValues(new Uint32Array(3));
    return "page-" + Array.from(random, (part) => part.toString(36)).join("");
  }

  function fieldsOfOrder() {
    return {
      side: orderForm.elements.side.value,
      quantity: orderForm.elements.quantity.value.trim(),
      limit: orderForm.elements.limit.value.trim(),
    };
  }

  const isCount = (text) => /^[1-9]\d{0,8}$/.test(text);
  const isPrice = (text) => /^\d{1,9}(\.\d{1,9})?$/.test(text);

  function describeOrder() {
    const { side, quantity, limit } = fieldsOfOrder();
    one(".order").dataset.side = side;
    one("#place-order").textContent = side === "buy" ? "Place buy order" : "Place sell order";
    const meaning = one("#order-meaning");
    if (!isCount(quantity) || !isPrice(limit)) {
      meaning.textContent = "Enter " + (view.market.induced ? "how many units" : "a number of shares") + " and a price for each.";
    } else if (side === "buy") {
      meaning.textContent = "Buys up to " + shares(Number(quantity)) + " at " + money(limit) +
        " or less. Sets aside " + money(times(limit, Number(quantity))) + " cash.";
    } else {
      meaning.textContent = "Sells up to " + shares(Number(quantity)) + " at " + money(limit) +
        " or more. Sets aside " + shares(Number(quantity)) + ".";
    }
  }

  function say(kind, title, lines) {
    const message = make("div", { class: "message message--" + kind }, make("strong", {}, title));
    for (const line of lines || []) message.append(make("p", {}, line));
    one("#messages").replaceChildren(message);
  }

  // With its round, so that a tab left open in one round orders nothing in the next.
  const send = (message) => window.liveSend({ ...message, round: view.round.overall });

  function placeOrder(event) {
    event.preventDefault();
    const { side, quantity, limit } = fieldsOfOrder();
    const ref = newRef();
    sent.set(ref, side + " " + quantity + " at " + limit);
    // What is no whole number goes up as it was typed: the server says what is wrong with it.
    send({ type: "place", side, quantity: isCount(quantity) ? Number(quantity) : quantity, limit, ref });
  }

  function cancelOrder(id) {
    send({ type: "cancel", order_id: Number(id), ref: newRef() });
  }

  const receive = {
    placed(frame) {
      const known = view.open_orders.some((order) => order.order_id === frame.order.order_id);
      const orders = known ? view.open_orders : view.open_orders.concat([frame.order]);
      keep({ ...view, open_orders: orders, holdings: frame.holdings });
      const { side, quantity, limit } = frame.order;
      say("placed", "Order placed", [
        (side === "buy" ? "Buy " : "Sell ") + shares(quantity) + " at " + money(limit) +
          (side === "buy" ? " or less." : " or more."),
      ]);
    },

    cancelled(frame) {
      const had = document.activeElement && document.activeElement.dataset.cancel;
      const orders = view.open_orders.filter((order) => order.order_id !== frame.order_id);
      keep({ ...view, open_orders: orders, holdings: frame.holdings });
      say("cancelled", "Order cancelled");
      if (had) (one("[data-cancel]") || orderForm.elements.quantity).focus();
    },

    refused(frame) {
      const asked = sent.get(frame.ref);
      say("refused", asked ? "Not accepted: " + asked : "Not accepted", frame.reasons.map((reason) => reason.message));
    },
  };

  window.liveRecv = function (frame) {
    if (frame && Object.hasOwn(receive, frame.type)) receive[frame.type](frame);
  };

  if (orderForm) {
    orderForm.addEventListener("submit", placeOrder);
    for (const input of Array.from(orderForm.elements)) {
      input.addEventListener("input", describeOrder);
      // oTree keeps Enter from submitting forms on live pages; here it places the order.
      if (input.tagName === "INPUT") {
        input.addEventListener("keydown", (event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          orderForm.requestSubmit();
        });
      }
    }
    one("#open-orders").addEventListener("click", (event) => {
      const button = event.target.closest("[data-cancel]");
      if (button) cancelOrder(button.dataset.cancel);
    });
    describeOrder();
  }

  /* The timer warns before it ends; oTree's own script sends the form when it does. */

  const timer = one(".otree-timer");
  if (timer) {
    const seconds = Number(timer.dataset.seconds);
    const notice = Math.min(10, seconds / 2);
    setTimeout(() => {
      timer.classList.add("otree-timer--late");
      one(".masthead__sand").classList.add("masthead__sand--late");
      one("#time-warning").textContent = Math.round(notice) + " seconds left on this page.";
    }, Math.max(0, (seconds - notice) * 1000));
  }

  /* A page that draws more than these, as that of the double auction, brings it along. */
  if (window.marketExtension) {
    window.marketExtension({
      texts, drawings, receive, keep, make, money, parts, times, shares, say, send, newRef, describeOrder, one, all,
      orderForm, tableHead, tableBody, view: () => view,
    });
  }

  let resizing = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => all('[data-draw$="chart"]').forEach((chart) => drawings[chart.dataset.draw](chart)), 80);
  });

  redraw();
})();
