// The heat map under a pointer, a finger or the arrow keys: a crosshair with the figures of a cell, whose row leads to its antenna
// at that time. Without this, a row leads to its antenna over the range of the page.
(() => {
  "use strict";
  const ROW = ".map-labels li";
  const LEAST_MS = 300_000;
  const STEPS = 12;
  const { add, place, tell, beside, steer, span } = overlay;

  const layer = add(document.body, "div", "overlay");
  const [across, down, tip] = ["crosshair", "crosshair", "tip"].map((name) => add(layer, "div", name));
  tip.setAttribute("role", "status");
  // The row with the crosshair, and the pointer's position or, without a pointer, the start of the step.
  let current = null;
  hide();

  for (const name of ["pointermove", "pointerdown"]) {
    document.addEventListener(name, (event) => {
      const row = event.target.closest?.(ROW);
      if (row) show({ row, x: event.clientX, y: event.clientY });
      else if (current && "x" in current && (name === "pointerdown" || event.pointerType !== "touch")) hide();
    });
  }
  document.addEventListener("focusout", () => current && "time" in current && hide());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return hide();
    const row = event.target.closest?.(ROW);
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const here = current?.row === row ? timeOf(current) : null;
    const rows = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling };
    const isOther = event.key in rows;
    const next = rows[event.key] ?? row;
    const time = isOther ? here : steer(event, here, read(row));
    if (time === undefined) return;
    event.preventDefault();
    if (isOther) next.querySelector("a, [tabindex]").focus();
    if (time !== null) show({ row: next, time });
  });
  document.addEventListener("morphed", () => current && show(current));
  addEventListener("resize", hide);

  function hide() {
    if (current) lead(current.row, null);
    current = null;
    layer.hidden = true;
  }

  function show(next) {
    if (current && current.row !== next.row) lead(current.row, null);
    current = next;
    const { row } = current;
    const time = row.isConnected ? timeOf(current) : null;
    if (time === null) return hide();
    const { map, box, start, step, width } = read(row);
    const index = Math.round((time - start) / step);
    lead(row, time);
    layer.hidden = false;
    const { top, height } = row.getBoundingClientRect();
    const [x, y] = [box.left + (index + 0.5) * width, top + height / 2];
    place(across, box.left, y, box.width, 1);
    place(down, x, box.top, 1, box.height);
    fill(map.dataset, row.dataset.cells.split(" ")[index]?.split(","), row, time);
    beside(tip, x, y);
  }

  // Ids are inserted as text, whatever they contain.
  function fill(words, [loss, latency, antennas], row, time) {
    const list = document.createElement("dl");
    const entry = (name, value) => {
      add(list, "dt", "").textContent = name;
      return Object.assign(add(list, "dd", ""), { textContent: value });
    };
    const at = add(entry(row.querySelector("bdi, .of").textContent, ""), "time", "");
    at.dateTime = new Date(time).toISOString();
    at.textContent = at.dateTime;
    at.dataset.form = words.form;
    const number = (value, digits) =>
      value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, useGrouping: false });
    entry(words.loss, loss ? `${number(loss / 100, 2)}\u202f%` : "–");
    entry(words.latency, latency ? `${number(Number(latency), 0)}\u202fms` : "–");
    if (antennas) entry(words.down, antennas);
    dispatchEvent(new CustomEvent("times", { detail: list }));
    tell(tip, list, "time" in current);
  }

  // Has a row lead to its antenna around a time, or, without one, to where it led before. A group leads to the antennas that are
  // in it now, which at another time may be others.
  function lead(row, time) {
    const link = row.querySelector("a:not(.group a)");
    if (!link) return;
    const usual = (link.dataset.usual ??= link.getAttribute("href"));
    const { step, end } = read(row);
    const url = new URL(usual, location);
    const length = Math.max(LEAST_MS, STEPS * step);
    span(url, length, Math.min(end, Math.round(time + (step + length) / 2)));
    link.setAttribute("href", time === null ? usual : url.pathname + url.search);
  }

  function read(row) {
    const map = row.closest(".map");
    const [start, step, steps, end] = ["start", "step", "steps", "end"].map((name) => Number(map.dataset[name]));
    const box = map.querySelector("svg").getBoundingClientRect();
    return { map, box, start, step, end, last: start + (steps - 1) * step, width: box.width / steps };
  }

  // The start of the step that is pointed at; on a label, there is none.
  function timeOf({ row, x, time }) {
    const { box, start, step, last, width } = read(row);
    if (time !== undefined) return Math.min(Math.max(time, start), last);
    return x < box.left ? null : Math.min(start + Math.floor((x - box.left) / width) * step, last);
  }
})();
