"use strict";
// Everything here is an addition: without it the page has the same numbers in tables and drawings.
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const count = (n) => n.toLocaleString("en-GB");
  const written = (date, parts) =>
    new Date(date).toLocaleDateString("en-GB", { ...parts, timeZone: "UTC" });
  const spoken = (date) =>
    `${written(date, { weekday: "long" })} ` +
    written(date, { day: "numeric", month: "long", year: "numeric" });

  // --- the fan chart: hover, touch and keyboard read each day
  function fan() {
    const home = one("#fan");
    if (!home) return;
    const data = JSON.parse(one("#chart-data").textContent);
    const slider = one("#day");
    const reading = one("#reading");
    const days = data.rows;
    const first = data.first;

    function say(at) {
      const row = days[at];
      const date = spoken(row.date);
      const then = row.last_year === null ? "" : ` A year earlier: ${count(row.last_year)}.`;
      if (at < first) return `${date}: ${count(row.value)} ${data.unit}, as published.${then}`;
      const gone = at - first < data.waiting ? " (not yet published)" : "";
      return (
        `${date}${gone}: median ${count(row.median)}; 80% range ${count(row.lo80)} to ` +
        `${count(row.hi80)}, 95% range ${count(row.lo95)} to ${count(row.hi95)}; ` +
        `${row.none} chance of no arrivals.` +
        (row.came === null ? "" : ` ${count(row.came)} arrived.`) + then
      );
    }

    const charts = all("svg", home).map((svg) => {
      const [left, right, shown, skipped] = ["left", "right", "days", "skipped"].map((name) => Number(svg.dataset[name]));
      const step = (right - left) / shown;
      const cursor = document.createElementNS(svg.namespaceURI, "line");
      cursor.setAttribute("class", "cursor");
      cursor.setAttribute("y2", svg.viewBox.baseVal.height - 30);
      return { svg, left, step, skipped, cursor };
    });

    function point(at) {
      slider.value = at;
      slider.setAttribute("aria-valuetext", spoken(days[at].date));
      reading.value = say(at);
      charts.forEach(({ svg, left, step, skipped, cursor }) => {
        const x = Math.max(left + (at - skipped + 0.5) * step, left);
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
        svg.append(cursor);
      });
    }

    charts.forEach(({ svg, left, step, skipped }) => {
      svg.addEventListener("pointermove", (event) => {
        const box = svg.getBoundingClientRect();
        const x = ((event.clientX - box.left) * svg.viewBox.baseVal.width) / box.width;
        const at = Math.floor((x - left) / step) + skipped;
        if (at >= skipped && at < days.length) point(at);
      });
    });
    slider.max = days.length - 1;
    slider.value = first + data.waiting;
    slider.setAttribute("aria-valuetext", spoken(days[first + data.waiting].date));
    one("#reader").hidden = false;
    slider.addEventListener("input", () => point(Number(slider.value)));
  }

  // --- the plan: results follow the inputs; the URL keeps them
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

  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));
  fan();
  plan();
  document.documentElement.dataset.ready = "";
})();
