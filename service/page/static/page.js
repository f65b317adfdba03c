"use strict";
// Everything here is an addition: without it the page has the same numbers in tables and drawings.
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const DAY = 86400;
  const count = (n) => n.toLocaleString("en-GB");
  const written = (date, parts) =>
    new Date(date).toLocaleDateString("en-GB", { ...parts, timeZone: "UTC" });
  const spoken = (date) =>
    `${written(date, { weekday: "long" })} ` +
    written(date, { day: "numeric", month: "long", year: "numeric" });

  // --- the fan chart: hover, touch and keyboard read each day
  function fan() {
    const home = one("#fan");
    const source = one("#chart-data");
    if (!home || !source || !window.uPlot) return;
    const data = JSON.parse(source.textContent);
    const slider = one("#day");
    const reading = one("#reading");
    const dates = [...data.past.map((row) => row[0]), ...data.days.map((row) => row.date)];
    const first = data.past.length;
    const start = Date.parse(`${dates[0]}T00:00:00Z`) / 1000;
    const x = Array.from({ length: dates.length + 1 }, (_, at) => start + at * DAY);
    const ahead = (name) => {
      const values = data.days.map((row) => row[name]);
      // The last day lasts until its end.
      return [...Array(first).fill(null), ...values, values.at(-1)];
    };
    const past = [...data.past.map((row) => row[1]), ...Array(data.days.length + 1).fill(null)];
    const came = x.map((_, at) => data.came[at - first] ?? null);
    const bounds = ["hi95", "lo95", "hi80", "lo80", "hi50", "lo50"];
    const columns = [x, past, ...bounds.map(ahead), ahead("median"), came];
    let plot;

    function say(at) {
      const date = spoken(dates[at]);
      slider.setAttribute("aria-valuetext", date);
      if (at < first) return `${date}: ${count(past[at])} ${data.unit}, as published.`;
      const row = data.days[at - first];
      const arrived = came[at];
      const gone = at - first < data.waiting ? " (not yet published)" : "";
      return (
        `${date}${gone}: median ${count(row.median)}; 80% range ${count(row.lo80)} to ` +
        `${count(row.hi80)}, 95% range ${count(row.lo95)} to ${count(row.hi95)}; ` +
        `${row.none} chance of no arrivals.` +
        (arrived === null ? "" : ` ${count(arrived)} arrived.`)
      );
    }

    function read(at) {
      slider.value = at;
      reading.value = say(at);
    }

    function point(at) {
      plot.setCursor({ left: plot.valToPos(x[at] + DAY / 2, "x"), top: 0 }, false);
      read(at);
    }

    function options(width) {
      const style = getComputedStyle(document.documentElement);
      const colour = (name) => style.getPropertyValue(`--${name}`).trim();
      const stepped = uPlot.paths.stepped({ align: 1 });
      const hidden = { paths: stepped, points: { show: false }, width: 0 };
      const axis = {
        stroke: colour("soft"), font: "13px system-ui, sans-serif",
        grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1 },
      };
      const shown = width < 560 ? first + data.waiting - 35 : 0;
      return {
        width,
        height: width < 560 ? 280 : 360,
        padding: [12, 6, 0, 0],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { range: [x[Math.max(shown, 0)], x.at(-1)] },
          y: { range: (_, low, high) => [0, Math.max(high * 1.05, 4)] },
        },
        axes: [
          {
            ...axis, grid: { show: false }, space: 70,
            values: (_, marks) => {
              // The first, and the first of each year, name the year.
              const years = marks.map((at) => new Date(at * 1000).getUTCFullYear());
              return marks.map((at, n) => written(at * 1000, { day: "numeric", month: "short", ...(years[n] !== years[n - 1] && { year: "numeric" }) }));
            },
            splits: (u, axisIndex, low, high) => {
              // Mondays, as many as have room, counted from the last.
              const every = Math.max(Math.ceil(76 / ((u.bbox.width / devicePixelRatio) * 7 * DAY / (high - low))), 1);
              const mondays = x.filter((at) => at >= low && new Date(at * 1000).getUTCDay() === 1);
              return mondays.reverse().filter((_, at) => at % every === 0).reverse();
            },
          },
          { ...axis, size: 56, values: (_, marks) => marks.map((mark) => count(mark)), incrs: [1, 2, 5, 10, 20, 50, 100, 200, 250, 500, 1000, 2000, 5000] },
        ],
        series: [
          {},
          { paths: uPlot.paths.bars({ size: [0.8, 40], align: 1 }), fill: colour("actual"), stroke: colour("actual"), width: 0, points: { show: false } },
          ...bounds.map((name) => ({ ...hidden, stroke: colour("band" + name.slice(2)) })),
          { paths: stepped, stroke: colour("median"), width: 2, points: { show: false } },
          { paths: () => null, stroke: colour("paper"), points: { show: false } },
        ],
        bands: [0, 2, 4].map((at) => ({ series: [2 + at, 3 + at], fill: colour("band" + bounds[at].slice(2)) })),
        hooks: {
          drawClear: [
            (u) => {
              // The days that are not yet published, behind everything.
              const left = u.valToPos(x[Math.max(first, shown)], "x", true);
              const edge = u.valToPos(x[first + data.waiting], "x", true);
              u.ctx.fillStyle = colour("waiting");
              u.ctx.fillRect(left, u.bbox.top, edge - left, u.bbox.height);
            },
          ],
          draw: [
            (u) => {
              const edge = u.valToPos(x[first + data.waiting], "x", true);
              u.ctx.save();
              u.ctx.strokeStyle = colour("soft");
              u.ctx.setLineDash([4, 4]);
              u.ctx.beginPath();
              u.ctx.moveTo(edge, u.bbox.top);
              u.ctx.lineTo(edge, u.bbox.top + u.bbox.height);
              u.ctx.stroke();
              u.ctx.setLineDash([]);
              u.ctx.fillStyle = colour("came");
              u.ctx.strokeStyle = colour("paper");
              came.forEach((value, at) => {
                if (value === null) return;
                u.ctx.beginPath();
                u.ctx.arc(u.valToPos(x[at] + DAY / 2, "x", true), u.valToPos(value, "y", true), 4 * devicePixelRatio, 0, 2 * Math.PI);
                u.ctx.fill();
                u.ctx.stroke();
              });
              u.ctx.restore();
            },
          ],
          setCursor: [
            (u) => {
              if (u.cursor.left < 0 || u.cursor.event == null) return;
              const at = Math.floor((u.posToVal(u.cursor.left, "x") - start) / DAY);
              if (at >= 0 && at < dates.length) read(at);
            },
          ],
        },
      };
    }

    function draw() {
      const at = Number(slider.value);
      plot?.destroy();
      plot = new uPlot(options(home.clientWidth), columns, home);
      one("canvas", home).setAttribute("aria-hidden", "true");
      if (reading.value.includes(":")) point(at);
    }

    home.classList.add("drawn-by-script");
    home.setAttribute("role", "img");
    home.setAttribute("aria-label", one("svg", home).getAttribute("aria-label"));
    slider.max = dates.length - 1;
    slider.value = first + data.waiting;
    slider.setAttribute("aria-valuetext", spoken(dates[first + data.waiting]));
    one("#reader").hidden = false;
    draw();
    slider.addEventListener("input", () => point(Number(slider.value)));
    let drawn = home.clientWidth;
    new ResizeObserver(() => {
      if (home.clientWidth && home.clientWidth !== drawn) {
        drawn = home.clientWidth;
        draw();
      }
    }).observe(home);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }

  // --- the plan: answers follow the inputs; the address keeps them
  function plan() {
    const form = one("#plan");
    if (!form) return;
    const said = one("#said");
    let timer;
    let asking;

    async function ask() {
      if (!form.checkValidity()) return;
      asking?.abort();
      asking = new AbortController();
      const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
      try {
        const answer = await fetch(address, { signal: asking.signal, headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = one("#answers", page);
        if (!fresh) throw new Error("no answers");
        const opened = all("#answers details").map((part) => part.open);
        one("#answers").replaceWith(document.adoptNode(fresh));
        all("#answers details").forEach((part, at) => { part.open = Boolean(opened[at]); });
        history.replaceState(null, "", address);
        said.textContent = all("[data-said]").map((part) => part.textContent).join(" ");
        savers();
      } catch (error) {
        if (error.name === "AbortError") return;
        said.className = "notice";
        said.textContent = "Not updated: the service did not respond. The results below are for your previous question.";
        return;
      }
      said.className = "unseen";
    }

    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(ask, 250);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      if (form.reportValidity()) ask();
    });
  }

  // --- charts as PNG: the server's drawing with its colours written out
  function savers() {
    all("[data-save]").forEach((button) => {
      button.hidden = false;
      button.onclick = () => save(button.closest("figure"), button.dataset.save);
    });
  }

  async function save(figure, name) {
    const drawing = one("svg", figure);
    const copy = drawing.cloneNode(true);
    const styles = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "font-family", "font-size", "font-weight"];
    const originals = all("*", drawing);
    all("*", copy).forEach((part, at) => {
      const style = getComputedStyle(originals[at]);
      styles.forEach((property) => part.setAttribute(property, style.getPropertyValue(property)));
    });
    const { width, height } = drawing.viewBox.baseVal;
    copy.setAttribute("width", 2 * width);
    copy.setAttribute("height", 2 * height);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
    await image.decode();
    const style = getComputedStyle(document.documentElement);
    const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width + 80, height: 2 * height + 220 });
    const pen = canvas.getContext("2d");
    pen.fillStyle = style.getPropertyValue("--paper");
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = style.getPropertyValue("--ink");
    pen.font = "600 32px system-ui, sans-serif";
    pen.fillText(figure.dataset.figure, 40, 64, canvas.width - 80);
    pen.drawImage(image, 40, 90);
    pen.font = "22px system-ui, sans-serif";
    pen.fillStyle = style.getPropertyValue("--soft");
    let left = 40;
    all(".entry", figure).forEach((entry) => {
      const key = getComputedStyle(one(".key", entry));
      const tall = 2 * parseFloat(key.height);
      const filled = key.backgroundColor === style.getPropertyValue("--paper") ? key.borderColor : key.backgroundColor;
      pen.fillStyle = filled;
      pen.fillRect(left, 2 * height + 128 - tall / 2, 2 * parseFloat(key.width), tall);
      pen.fillStyle = style.getPropertyValue("--soft");
      left += 2 * parseFloat(key.width) + 12;
      pen.fillText(entry.textContent.trim(), left, 2 * height + 136);
      left += pen.measureText(entry.textContent.trim()).width + 36;
    });
    const clocks = all("footer dl dd").slice(0, 2).map((part) => part.textContent.trim());
    pen.fillText(`Figures to ${clocks[0]}; issued ${clocks[1]}. Source: Home Office, OGL v3.0; provisional.`, 40, canvas.height - 32, canvas.width - 80);
    const blob = await new Promise((done) => { canvas.toBlob(done); });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${name}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));
  fan();
  plan();
  savers();
  document.documentElement.dataset.ready = "";
})();
