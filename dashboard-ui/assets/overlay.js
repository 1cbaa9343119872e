// What the charts and the heat map have in common. Their overlays lie outside the part of the page that updates replace.
const overlay = (() => {
  "use strict";
  const AWAY_PX = 14;

  return { add, place, tell, beside, steer, span };

  function add(parent, name, className) {
    const element = document.createElement(name);
    if (className) element.className = className;
    return parent.appendChild(element);
  }

  // Moves by transforms do not count as layout shifts.
  function place(element, x, y, width, height) {
    element.style.transform = `translate(${x + scrollX}px, ${y + scrollY}px)`;
    if (width) element.style.width = `${width}px`;
    if (height) element.style.height = `${height}px`;
  }

  // Has a tip say something new. It is announced for the keyboard only: a moving pointer would announce far too much.
  function tell(tip, list, isByKey) {
    tip.setAttribute("aria-live", isByKey ? "polite" : "off");
    if (tip.firstChild?.textContent !== list.textContent) tip.replaceChildren(list);
  }

  // The start of the step that a key leads to from one, or from none; undefined if the key leads nowhere.
  function steer({ key, ctrlKey, metaKey, altKey }, here, { start, step, last }) {
    const [before, after] = here === null ? [last, last] : [here - step, here + step];
    const time = { ArrowLeft: before, ArrowRight: after, Home: start, End: last }[key];
    if (time !== undefined && !ctrlKey && !metaKey && !altKey) return Math.min(Math.max(time, start), last);
  }

  // Places a tip beside a position, within the window.
  function beside(tip, x, y) {
    const { clientWidth, clientHeight } = document.documentElement;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const right = x + AWAY_PX + width;
    const left = right > clientWidth ? x - AWAY_PX - width : x + AWAY_PX;
    place(tip, Math.max(left, 0), Math.max(Math.min(y + AWAY_PX, clientHeight - height), 0));
  }

  // Makes an address one of a range, in milliseconds, that ends at a time.
  function span(url, length, end) {
    url.searchParams.set("window", `${Math.ceil(length / 1000)}s`);
    url.searchParams.set("end", new Date(end).toISOString());
  }
})();
