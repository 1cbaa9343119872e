// Keeps the page live, and adds what needs a script: choices, search as you type, keys. The page works without it.
(() => {
  "use strict";
  const SILENCE_MS = 15_000;
  const RETRY_FIRST_MS = 500;
  const RETRY_MOST_MS = 4_000;
  const TYPING_MS = 250;
  const CHORD_MS = 1_500;
  const SAID_MS = 4_000;
  const MINUTE_MS = 60_000;

  const root = document.documentElement;
  const app = document.getElementById("app");
  const live = startLive();

  const clicks = {
    "#pause": () => live?.toggle(),
    "[data-set-theme]": (button) => choose("theme", button.dataset.setTheme, "system"),
    "[data-set-zone]": (button) => {
      choose("zone", button.dataset.setZone, "utc");
      writeTimes(app);
    },
    "[data-opens]": (button) => document.getElementById(button.dataset.opens)?.showModal(),
    "[data-copy]": copy,
    "[data-wall]": enterWall,
  };
  document.addEventListener("click", (event) => {
    for (const [selector, act] of Object.entries(clicks)) {
      const element = event.target.closest(selector);
      if (element) act(element, event);
    }
    closeMenus(event.target);
  });

  dress(app);
  document.addEventListener("formdata", sendUtc);
  startSearch();
  startKeys();
  keepAwake();
  document.addEventListener("visibilitychange", keepAwake);

  // ---- Live ----

  // Returns undefined if the page is not live, or cannot be.
  function startLive() {
    if (!app.dataset.live || !window.EventSource || !window.Idiomorph) return undefined;
    let address = location.pathname + location.search;
    let hub;
    let stream = null;
    let isPaused = false;
    let failures = 0;
    let watchdog = 0;
    let retry = 0;

    // A hidden tab needs no stream, and browsers allow six to one host.
    document.addEventListener("visibilitychange", update);
    addEventListener("pagehide", close);
    addEventListener("pageshow", update);
    addEventListener("online", update);
    // Back to an address that this page left without a reload. A jump to an anchor ends up here too.
    addEventListener("popstate", () => {
      if (location.pathname + location.search !== address) location.reload();
    });
    update();
    return { follow, toggle, isPaused: () => isPaused };

    function update() {
      if (isPaused || document.hidden) {
        close();
        if (isPaused) show("paused");
      } else if (!stream) {
        connect();
      }
    }

    function toggle() {
      isPaused = !isPaused;
      dress(app);
      update();
    }

    // The address has changed already; the stream follows. A paused page takes one update and pauses again.
    function follow() {
      address = location.pathname + location.search;
      app.dataset.live = app.dataset.live.split("?")[0] + location.search;
      failures = 0;
      connect();
    }

    function connect() {
      close();
      stream = open(app.dataset.live);
      watch();
    }

    // Tabs share streams; see stream.js. Without shared workers, a page has a stream of its own.
    function open(address) {
      try {
        if (hub === undefined) hub = new SharedWorker(app.dataset.hub);
      } catch {
        hub = null;
      }
      if (!hub) return openOwn(address);
      const { port } = hub;
      hub.onerror = () => {
        hub = null;
        close();
        update();
      };
      port.onmessage = ({ data: [from, type, text] }) => {
        port.postMessage({ isHere: true });
        if (from === address) hear(type, text);
      };
      port.postMessage({ address });
      return {
        close() {
          port.onmessage = null;
          port.postMessage({});
        },
      };
    }

    function openOwn(address) {
      const source = new EventSource(address);
      for (const type of ["open", "ping", "release", "fragment", "error"]) {
        source.addEventListener(type, ({ data }) => hear(type, data));
      }
      return source;
    }

    function hear(type, text) {
      if (type === "error") return lose();
      watch();
      if (type === "release") adopt(text);
      if (type !== "fragment") return;
      failures = 0;
      morph(text);
      show("live");
      update();
    }

    // Every sign of life restarts the timer.
    function watch() {
      clearTimeout(watchdog);
      watchdog = setTimeout(lose, SILENCE_MS);
    }

    // The browser's own reconnecting stops at the first response that is not a stream, such as a proxy's error page.
    function lose() {
      close();
      // The worker may have ended while this page was kept for Back.
      if (hub) hub = undefined;
      show("lost");
      const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** failures);
      failures = Math.min(failures + 1, 10);
      retry = setTimeout(update, most * (0.5 + Math.random() / 2));
    }

    function close() {
      clearTimeout(watchdog);
      clearTimeout(retry);
      stream?.close();
      stream = null;
    }
  }

  function show(state) {
    root.dataset.stream = state;
  }

  // Another version of the dashboard answers, and its fragments need its style sheet. Reloads only once per version: while
  // two versions alternate behind one address, a reload may not help.
  function adopt(release) {
    if (release === root.dataset.release) return;
    const key = `${root.dataset.base}release`;
    try {
      if (sessionStorage.getItem(key) === release) return;
      sessionStorage.setItem(key, release);
    } catch {
      return;
    }
    location.reload();
  }

  function morph(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    dress(template.content);
    const restore = remember();
    Idiomorph.morph(app, template.content, {
      morphStyle: "innerHTML",
      callbacks: {
        beforeAttributeUpdated: (name, node) => !isViewersOwn(name, node),
        beforeNodeMorphed: (node) => !node.dataset?.said,
      },
    });
    restore();
    const title = document.getElementById("content")?.dataset.title;
    if (title && title !== document.title) document.title = title;
    document.dispatchEvent(new Event("morphed"));
  }

  // Focus and selection get lost when a node moves or its text changes. Returns a function that restores them.
  function remember() {
    const focused = document.activeElement;
    const selection = getSelection();
    const read = () => [selection.anchorNode, selection.anchorOffset, selection.focusNode, selection.focusOffset];
    const [anchor, anchorOffset, focus, focusOffset] = read();
    const isHere = () => app.contains(anchor) && app.contains(focus);
    const isSelected = !selection.isCollapsed && isHere();
    const [findFocused, findAnchor, findFocus] = [focused, anchor, focus].map(track);
    return () => {
      const now = findFocused();
      if (!now) focused.blur();
      else if (now !== document.activeElement && app.contains(now)) now.focus({ preventScroll: true });
      if (!isSelected || !isHere()) return;
      const [from, to] = [findAnchor(), findFocus()];
      if (!from || !to) return selection.removeAllRanges();
      const within = (node, offset) => Math.min(offset, node.nodeValue?.length ?? node.childNodes.length);
      const kept = [from, within(from, anchorOffset), to, within(to, focusOffset)];
      if (read().some((part, index) => part !== kept[index])) selection.setBaseAndExtent(...kept);
    };
  }

  // Rows stay in place and show another antenna when the order changes. Returns a function that finds a row's node in the
  // row that its antenna has now; undefined if it has none.
  function track(node) {
    const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const row = element?.closest?.("tbody tr");
    const key = row && keyOf(row);
    if (!key) return () => node;
    const path = [];
    for (let at = node; at !== row; at = at.parentNode) path.unshift([...at.parentNode.childNodes].indexOf(at));
    const rows = row.parentNode;
    return () => {
      if (keyOf(row) === key && row.contains(node)) return node;
      const moved = [...rows.children].find((other) => keyOf(other) === key);
      return moved && path.reduce((at, index) => at?.childNodes[index], moved);
    };
  }

  // An antenna has one row, except among incidents.
  function keyOf(row) {
    const start = row.closest(".incidents") ? row.querySelector("time")?.dateTime : "";
    return `${row.querySelector(".id")?.href ?? ""}${start}`;
  }

  // What the viewer has opened stays open; input that has not been submitted stays as it is.
  function isViewersOwn(name, node) {
    switch (name) {
      case "open":
        return true;
      case "value":
        return "defaultValue" in node && node.value !== node.defaultValue;
      case "checked":
        return node.checked !== node.defaultChecked;
      case "selected":
        return node.selected !== node.defaultSelected;
      default:
        return false;
    }
  }

  // ---- Choices ----

  // Applies the viewer's choices to a part of the page, or to one about to be inserted.
  function dress(part) {
    const press = (selector, isPressed) => {
      for (const button of part.querySelectorAll(selector)) {
        button.setAttribute("aria-pressed", String(isPressed(button.dataset)));
      }
    };
    press("#pause", () => Boolean(live?.isPaused()));
    press("[data-set-theme]", ({ setTheme }) => setTheme === (root.dataset.theme ?? "system"));
    press("[data-set-zone]", ({ setZone }) => setZone === (root.dataset.zone ?? "utc"));
    if (root.dataset.zone) writeTimes(part);
  }

  // The default is not stored.
  function choose(name, value, usual) {
    if (value === usual) delete root.dataset[name];
    else root.dataset[name] = value;
    const key = root.dataset.base + name;
    try {
      if (value === usual) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // Storage may be blocked; the choice then lasts as long as the page.
    }
    dress(app);
  }

  // The server writes UTC in the same forms. A time that clocks show twice, as when summer time ends, has its offset.
  // What is not on the page yet has its times written too.
  addEventListener("times", ({ detail }) => writeTimes(detail));
  function writeTimes(part) {
    const isLocal = root.dataset.zone === "local";
    const offset = (date) => (isLocal ? -date.getTimezoneOffset() : 0);
    // The ISO text of the result reads as the time in the zone.
    const shift = (date) => new Date(date.getTime() + offset(date) * MINUTE_MS);
    const isTwice = (date) =>
      [-3, 3].some((hours) => {
        const other = offset(new Date(date.getTime() + hours * 60 * MINUTE_MS));
        const twin = new Date(date.getTime() + (offset(date) - other) * MINUTE_MS);
        return other !== offset(date) && offset(twin) === other;
      });
    const offsetText = (date) => {
      const minutes = Math.abs(offset(date));
      const clock = new Date(minutes * MINUTE_MS).toISOString().slice(11, 16);
      return isLocal ? ` ${offset(date) < 0 ? "−" : "+"}${clock}` : " UTC";
    };
    let day, zone;
    try {
      const format = (options) => new Intl.DateTimeFormat(root.lang, options);
      const [days, zones] = [
        format({ day: "numeric", month: "short", timeZone: "UTC" }),
        format({ timeZone: isLocal ? undefined : "UTC", timeZoneName: "short" }),
      ];
      const named = (parts, name) => parts.find(({ type }) => type === name).value;
      day = (date) => {
        const parts = days.formatToParts(shift(date));
        return `${named(parts, "day")} ${named(parts, "month")}`;
      };
      zone = (date) => named(zones.formatToParts(date), "timeZoneName");
    } catch {
      return;
    }
    for (const time of part.querySelectorAll("time")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const text = shift(date).toISOString();
      time.title = text.slice(0, -1).replace("T", " ") + offsetText(date);
      const mark = isTwice(date) ? offsetText(date) : "";
      const parts = { time: text.slice(11, 19), minute: text.slice(11, 16), date: day(date), year: text.slice(0, 4) };
      const shown = time.dataset.form?.split(" ").map((part) => parts[part]);
      if (shown) time.textContent = shown.join(" ") + mark;
    }
    for (const input of part.querySelectorAll("[data-utc]")) {
      for (const [name, utc] of [["value", input.dataset.utc], ["min", input.dataset.oldest]]) {
        if (utc) input.setAttribute(name, shift(new Date(`${utc}Z`)).toISOString().slice(0, 19).replace(/:00$/, ""));
      }
    }
    // A zone is that of the time before it.
    for (const name of part.querySelectorAll(".zone")) {
      const before = name.previousElementSibling;
      const utc = name.closest("label")?.control.dataset.utc;
      name.textContent = zone(before?.dateTime ? new Date(before.dateTime) : utc ? new Date(`${utc}Z`) : new Date());
    }
  }

  // The server takes UTC. A time that was not changed is the one that it wrote, even if clocks show it twice.
  function sendUtc({ target, formData }) {
    if (root.dataset.zone !== "local") return;
    for (const input of target.querySelectorAll("[data-utc]")) {
      const isChanged = input.value !== input.defaultValue;
      formData.set(input.name, isChanged ? new Date(input.value).toISOString().slice(0, 19) : input.dataset.utc);
    }
  }

  function closeMenus(outside) {
    for (const menu of document.querySelectorAll(".menu[open]")) {
      if (!menu.contains(outside)) menu.open = false;
    }
  }

  // ---- Search ----

  function startSearch() {
    if (!live) return;
    let timer = 0;
    const later = (event) => {
      const form = event.target.closest("[data-search]");
      if (!form) return;
      clearTimeout(timer);
      timer = setTimeout(search, event.type === "input" ? TYPING_MS : 0, form);
    };
    document.addEventListener("input", later);
    document.addEventListener("change", later);
    document.addEventListener("submit", () => clearTimeout(timer));
  }

  function search(form) {
    const asked = new URLSearchParams(new FormData(form));
    asked.delete("page");
    if (!asked.get("q")) asked.delete("q");
    const url = new URL(form.action);
    url.search = asked;
    if (url.href === location.href) return;
    history.replaceState(null, "", url);
    live.follow();
  }

  // ---- Keys ----

  function startKeys() {
    let chord = "";
    let timer = 0;
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leaveMenu();
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (event.target.closest("input, textarea, select, [contenteditable]")) return;
      const key = chord + event.key;
      chord = "";
      clearTimeout(timer);
      const isFirst = !key.includes(" ") && find((other) => other.startsWith(`${key} `));
      if (isFirst && !document.querySelector("dialog[open]")) {
        chord = `${key} `;
        timer = setTimeout(() => (chord = ""), CHORD_MS);
      } else if (press(key)) {
        event.preventDefault();
      }
    });
  }

  // Returns whether there was something to press.
  function press(key) {
    const dialog = document.getElementById("keys");
    if (key === "?" && dialog) {
      if (dialog.open) dialog.close();
      else dialog.showModal();
      return true;
    }
    if (document.querySelector("dialog[open]")) return false;
    const element = (key === "/" && document.getElementById("search")) || find((other) => other === key);
    if (!element) return false;
    if (element.matches("input, select, textarea, summary")) {
      element.focus();
      element.select?.();
    } else {
      element.click();
    }
    return true;
  }

  // An element may have several keys, separated by commas. Visible elements take precedence.
  function find(matches) {
    const isMeant = ({ dataset }) => dataset.key.split(",").some(matches);
    const elements = [...document.querySelectorAll("[data-key]")].filter(isMeant);
    return elements.find((element) => element.getClientRects().length) ?? elements[0];
  }

  function leaveMenu() {
    const menu = document.activeElement?.closest(".menu[open]");
    menu?.querySelector("summary").focus();
    closeMenus(null);
  }

  // ---- Permalink and wall screen ----

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    const text = code ? code.textContent : new URL(button.dataset.href, location).href;
    const isCopied = await write(text);
    const status = button.parentElement.querySelector("[aria-live]");
    // Keeps updates from removing the text early.
    status.dataset.said = "yes";
    // If copying failed, the text can be selected.
    if (!isCopied && code) getSelection().selectAllChildren(code);
    status.textContent = isCopied ? button.dataset.copied : (button.dataset.notCopied ?? text);
    if (!isCopied) return;
    setTimeout(() => {
      status.textContent = "";
      delete status.dataset.said;
    }, SAID_MS);
  }

  // Without TLS, only the old clipboard API is available.
  async function write(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const isCopied = document.execCommand("copy");
      area.remove();
      return isCopied;
    }
  }

  // Full screen ends when its page does, so the page enters it without a reload. The way back is a plain link.
  function enterWall(link, event) {
    if (root.classList.contains("wall") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!live || !root.requestFullscreen) return;
    event.preventDefault();
    root.requestFullscreen().catch(() => undefined);
    history.pushState(null, "", link.href);
    root.classList.add("wall");
    keepAwake();
    live.follow();
  }

  function keepAwake() {
    if (!root.classList.contains("wall") || document.hidden) return;
    // Refused if the battery is low, or without TLS; the screen then sleeps.
    navigator.wakeLock?.request("screen").catch(() => undefined);
  }
})();
