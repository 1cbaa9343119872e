// One crosshair over all charts of a table, with the figures of its step; a drag zooms in, a double click goes back.
(() => {
  "use strict";
  const CHART = ".plot[data-table]";
  const LEAST_MS = 30_000;
  const CLICK_PX = 4;
  const { add, place, tell, beside, steer, span } = overlay;

  const layer = add(document.body, "div", "overlay");
  const range = add(layer, "div", "range");
  const tip = add(layer, "div", "tip");
  tip.setAttribute("role", "status");
  const lines = [];

  // The chart with the crosshair, and the pointer's position or, without a pointer, the start of the step.
  let current = null;
  // The chart that the pointer was pressed on, with the time and the position.
  let drag = null;
  hide();

  document.addEventListener("pointermove", (event) => {
    const plot = drag?.plot ?? chartAt(event);
    if (plot) point(plot, event);
    else if (current?.pointer && event.pointerType !== "touch") hide();
  });
  document.addEventListener("pointerdown", (event) => {
    const plot = chartAt(event);
    if (!plot) return hide();
    point(plot, event);
    // A finger that moves sideways moves the crosshair; it does not zoom.
    if (event.button !== 0 || event.pointerType === "touch") return;
    const chart = read(plot);
    drag = { plot, x: event.clientX, from: stepAt(chart, event.clientX), to: null };
    plot.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointerup", () => {
    const done = drag;
    drag = null;
    if (!done) return;
    draw();
    if (done.to !== null) zoom(read(done.plot), done);
  });
  document.addEventListener("dblclick", (event) => {
    if (chartAt(event)) document.querySelector("[data-reset]")?.click();
  });
  document.addEventListener("pointercancel", hide);
  document.documentElement.addEventListener("pointerleave", (event) => {
    if (!drag && event.pointerType !== "touch") hide();
  });
  document.addEventListener("focusout", () => {
    if (current && !current.pointer) hide();
  });
  document.addEventListener("keydown", press);
  document.addEventListener("morphed", draw);
  addEventListener("resize", hide);

  function chartAt(event) {
    return event.target.closest?.(CHART);
  }

  function point(plot, { clientX, clientY }) {
    current = { plot, pointer: { x: clientX, y: clientY } };
    if (drag && (drag.to !== null || Math.abs(clientX - drag.x) > CLICK_PX)) drag.to = stepAt(read(plot), clientX);
    draw();
  }

  function press(event) {
    if (event.key === "Escape") return hide();
    const plot = chartAt(event);
    if (!plot) return;
    const chart = read(plot);
    const time = steer(event, current?.plot === plot ? shownStep(chart) : null, chart);
    if (time === undefined) return;
    event.preventDefault();
    current = { plot, time };
    draw();
  }

  function hide() {
    current = null;
    drag = null;
    layer.hidden = true;
  }

  function draw() {
    if (!current?.plot.isConnected) return hide();
    const chart = read(current.plot);
    const time = shownStep(chart);
    const row = rowAt(chart, time);
    if (!row) return hide();
    layer.hidden = false;
    const plots = [...document.querySelectorAll(CHART)].filter(({ dataset }) => dataset.table === chart.table);
    while (lines.length < plots.length) lines.push(add(layer, "div", "crosshair"));
    lines.forEach((line, index) => {
      line.hidden = index >= plots.length;
      if (line.hidden) return;
      const { box, x } = atStep(read(plots[index]), time);
      place(line, x, box.top, 0, box.height);
    });
    drawRange(chart);
    drawTip(chart, time, row);
  }

  function drawRange(chart) {
    range.hidden = !drag || drag.to === null;
    if (range.hidden) return;
    const left = chart.x(Math.min(drag.from, drag.to));
    const width = chart.x(Math.max(drag.from, drag.to) + chart.step) - left;
    place(range, left, chart.box.top, width, chart.box.height);
  }

  // Ids and figures are inserted as text, whatever they contain.
  function drawTip(chart, time, row) {
    const list = document.createElement("dl");
    [...row.cells].forEach((cell, index) => {
      add(list, "dt", "").textContent = chart.heads[index]?.textContent;
      add(list, "dd", cell.className).textContent = cell.textContent;
    });
    tell(tip, list, !current.pointer);
    const { x, y } = current.pointer ?? { x: atStep(chart, time).x, y: chart.box.top };
    beside(tip, x, y);
  }

  function zoom({ start, end, step }, { from, to }) {
    const first = Math.max(Math.min(from, to), start);
    const last = Math.min(Math.max(from, to) + step, end);
    const length = Math.max(last - first, LEAST_MS);
    const until = Math.min(end, Math.round((first + last + length) / 2));
    const url = new URL(location);
    url.searchParams.delete("page");
    span(url, length, until);
    location.assign(url);
  }

  // The position of a chart, and the time it spans.
  function read(plot) {
    const { table, ...bounds } = plot.dataset;
    const [start, end, step] = [bounds.start, bounds.end, bounds.step].map(Number);
    const box = plot.querySelector("svg").getBoundingClientRect();
    const x = (time) => box.left + (box.width * (Math.min(time, end) - start)) / (end - start);
    const figures = document.getElementById(table);
    const rows = figures?.querySelectorAll("tbody tr") ?? [];
    const heads = figures?.querySelectorAll("thead th") ?? [];
    const last = start + (Math.ceil((end - start) / step) - 1) * step;
    return { table, start, end, step, last, box, x, rows, heads };
  }

  // The start of the step at a position; beside the chart, that of the nearest step.
  function stepAt({ start, end, step, last, box }, x) {
    const index = Math.floor((((x - box.left) / box.width) * (end - start)) / step);
    return Math.min(Math.max(start + index * step, start), last);
  }

  function shownStep(chart) {
    if (current.pointer) return stepAt(chart, current.pointer.x);
    return Math.min(Math.max(current.time, chart.start), chart.last);
  }

  // The middle of a step, where the points of the lines are.
  function atStep(chart, time) {
    return { box: chart.box, x: (chart.x(time) + chart.x(time + chart.step)) / 2 };
  }

  // The newest step is the first row.
  function rowAt({ rows, start, step }, time) {
    return rows[rows.length - 1 - Math.round((time - start) / step)];
  }
})();
