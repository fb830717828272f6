/* Draws the history of a market as inline SVG: prices as a line with points, volumes as bars, the fundamental
   value as a dashed line where it is disclosed, the trader's own open forecasts as diamonds.
   No dependencies. Everything drawn carries its data (data-round, data-price, data-volume). */

(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = { top: 18, right: 34, bottom: 26, left: 46 };

  function element(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes || {})) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    parent.appendChild(made);
    return made;
  }

  /* The step of a scale with at most about `count` marks: 1, 2, 2.5 or 5 times a power of ten. */
  function niceStep(span, count) {
    const rough = span / count;
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const digit = rough / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 2.5 ? 2.5 : digit <= 5 ? 5 : 10);
  }

  function priceScale(values) {
    let low = Math.min(...values);
    let high = Math.max(...values);
    const air = Math.max((high - low) * 0.15, high * 0.06, 0.01);
    low = Math.max(0, low - air);
    high += air;
    const step = niceStep(high - low, 5);
    low = Math.floor(low / step) * step;
    high = Math.ceil(high / step) * step;
    const marks = [];
    for (let i = 0; low + i * step <= high + step / 2; i += 1) marks.push(low + i * step);
    return { low, high, step, marks };
  }

  function summary(data) {
    const priced = data.history.filter((past) => past.price !== null);
    if (!priced.length) return "No round has been cleared yet.";
    const last = priced[priced.length - 1];
    const prices = priced.map((past) => Number(past.price));
    return (
      "Prices of " + priced.length + " rounds, from " + data.format(Math.min(...prices)) + " to " + data.format(Math.max(...prices)) +
      ". Last: " + data.format(last.price) + " in round " + last.number + (data.volumes ? ", volume " + last.volume : "") + "."
    );
  }

  /* data: {rounds, history: [{number, price, volume, dividend}], opening, fundamental: [price by round] or null,
     forecasts: [{round, value}], volumes and dividends: whether there are any, format: text of a price} */
  function draw(host, data) {
    // Drawn for letters of 16 px and scaled as a whole, so that it grows with the page's letters.
    const letters = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1;
    const width = Math.max(260, (host.clientWidth || 640) / letters);
    const height = Math.round(Math.min(420, Math.max(210, width * 0.46)));
    const floor = height - MARGIN.bottom;
    const volumeTop = floor - (floor - MARGIN.top) * 0.2;
    const priceFloor = volumeTop - 12;

    const known = data.history.filter((past) => past.price !== null).map((past) => Number(past.price));
    const scale = priceScale(
      known.concat(data.opening === null ? (known.length ? [] : [1]) : [Number(data.opening)], (data.fundamental || []).map(Number),
        data.forecasts.map((forecast) => Number(forecast.value)))
    );
    const slot = (width - MARGIN.left - MARGIN.right) / data.rounds;
    const x = (round) => MARGIN.left + slot * (round - 0.5);
    const y = (price) => priceFloor - ((Number(price) - scale.low) / (scale.high - scale.low)) * (priceFloor - MARGIN.top);

    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 " + width + " " + height);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", summary(data));

    const decimals = Math.max(0, ...scale.marks.map((mark) => (String(Number(mark.toFixed(6))).split(".")[1] || "").length));
    for (const mark of scale.marks) {
      element(svg, "line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(mark), y2: y(mark) });
      element(svg, "text", { x: MARGIN.left - 8, y: y(mark) + 4, "text-anchor": "end" }, mark.toFixed(decimals));
    }
    element(svg, "line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: floor, y2: floor });

    const stride = Math.ceil(niceStep(data.rounds, Math.max(2, (width - MARGIN.left) / 46)));
    for (let round = 1; round <= data.rounds; round += 1) {
      if (stride <= 2 ? (round - 1) % stride === 0 : round === 1 || round % stride === 0) {
        element(svg, "text", { x: x(round), y: floor + 18, "text-anchor": "middle" }, String(round));
      }
    }

    const most = Math.max(0, ...data.history.map((past) => past.volume));
    if (most) element(svg, "text", { class: "scale", x: width - MARGIN.right + 6, y: volumeTop + 9 }, String(most));
    for (const past of data.history) {
      const tall = (past.volume / Math.max(1, most)) * (floor - volumeTop);
      element(svg, "rect", {
        class: "volume", x: x(past.number) - Math.min(slot * 0.32, 18), y: floor - tall,
        width: Math.min(slot * 0.64, 36), height: tall, rx: 2, "data-round": past.number, "data-volume": past.volume,
      });
    }

    if (data.fundamental) {
      const path = data.fundamental.map((value, i) => (i ? "L" : "M") + x(i + 1) + " " + y(value)).join("");
      element(svg, "path", { class: "fundamental", d: path });
    }
    if (!known.length && data.opening !== null) {
      element(svg, "line", {
        class: "opening", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(data.opening), y2: y(data.opening),
      });
      element(svg, "text", { x: width - MARGIN.right, y: y(data.opening) - 7, "text-anchor": "end" },
        "reference price " + data.format(data.opening));
    }

    const priced = data.history.filter((past) => past.price !== null);
    element(svg, "path", {
      class: "price",
      d: priced.map((past, i) => (i ? "L" : "M") + x(past.number) + " " + y(past.price)).join(""),
    });
    const dot = Math.min(4, Math.max(2, slot * 0.22));
    priced.forEach((past, i) => {
      const last = i === priced.length - 1;
      element(svg, "circle", {
        class: last ? "point point--last" : "point", cx: x(past.number), cy: y(past.price), r: last ? dot + 0.5 : dot,
        "data-round": past.number, "data-price": past.price,
      });
      if (last) {
        const end = x(past.number) > width - MARGIN.right - 30;
        const falling = i > 0 && Number(priced[i - 1].price) > Number(past.price);
        element(svg, "text", {
          class: "last-label", x: x(past.number) + (end ? 4 : 0), y: y(past.price) + (falling ? 20 : -10),
          "text-anchor": end ? "end" : "middle",
        }, data.format(past.price));
      }
    });

    for (const forecast of data.forecasts) {
      const [cx, cy] = [x(forecast.round), y(forecast.value)];
      const mark = element(svg, "path", {
        class: "forecast", d: `M${cx} ${cy - 5}L${cx + 5} ${cy}L${cx} ${cy + 5}L${cx - 5} ${cy}Z`,
        "data-round": forecast.round, "data-forecast-value": forecast.value,
      });
      element(mark, "title", {}, "Your forecast for round " + forecast.round + ": " + data.format(forecast.value));
    }

    for (const past of data.history) {
      const hit = element(svg, "rect", {
        class: "hit", x: x(past.number) - slot / 2, y: MARGIN.top - 10, width: slot, height: floor - MARGIN.top + 10,
      });
      element(hit, "title", {},
        "Round " + past.number + ": price " + (past.price === null ? "none" : data.format(past.price)) +
        (data.volumes ? ", volume " + past.volume : "") +
        (data.dividends ? ", dividend " + data.format(past.dividend) : ""));
    }
    host.replaceChildren(svg);
  }

  window.marketChart = { draw, priceScale };
})();
