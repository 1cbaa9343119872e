// Keeps the page live, and serves what needs a script: choices, search as you type, keys. The page is whole without it.
(() => {
  "use strict";
  const SILENCE_MS = 15_000;
  const RETRY_FIRST_MS = 500;
  const RETRY_MOST_MS = 4_000;
  const TYPING_MS = 250;
  const CHORD_MS = 1_500;
  const SAID_MS = 4_000;

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
  startSearch();
  startKeys();
  keepAwake();
  document.addEventListener("visibilitychange", keepAwake);

  // ---- Live ----

  // Nothing where the page is not live, or cannot be.
  function startLive() {
    if (!app.dataset.live || !window.EventSource || !window.Idiomorph) return undefined;
    let address = location.pathname + location.search;
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
    // Back to an address that this page has left without being loaded anew. A jump to a fragment comes here too.
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

    // The address is this page's already; the stream is to be. A paused page takes what was asked for, and rests again.
    function follow() {
      address = location.pathname + location.search;
      app.dataset.live = app.dataset.live.split("?")[0] + location.search;
      failures = 0;
      connect();
    }

    function connect() {
      close();
      stream = new EventSource(app.dataset.live);
      stream.addEventListener("open", watch);
      stream.addEventListener("ping", watch);
      stream.addEventListener("release", (event) => adopt(event.data));
      stream.addEventListener("fragment", (event) => {
        watch();
        failures = 0;
        morph(event.data);
        show("live");
        update();
      });
      stream.addEventListener("error", lose);
      watch();
    }

    // Each sign of life starts the time anew.
    function watch() {
      clearTimeout(watchdog);
      watchdog = setTimeout(lose, SILENCE_MS);
    }

    // The browser's own attempts would end with the first answer that is not a stream, as a proxy gives it.
    function lose() {
      close();
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

  // Another version of the dashboard answers: its fragments need its style sheet. Once for each version: while two of
  // them take turns behind one address, a reload may not help.
  function adopt(release) {
    if (release === root.dataset.release) return;
    try {
      if (sessionStorage.getItem("release") === release) return;
      sessionStorage.setItem("release", release);
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

  // Focus and selection go where a node is moved or its text changes. Returns what brings them back.
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

  // Rows stay where they are, and tell of another antenna when the order changes. Returns what finds a node of a row in the
  // row that its antenna has by then; nothing where it has none.
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

  // An antenna has one row, but for incidents.
  function keyOf(row) {
    const start = row.closest(".incidents") ? row.querySelector("time")?.dateTime : "";
    return `${row.querySelector(".id")?.href ?? ""}${start}`;
  }

  // What the viewer has opened stays open, what was typed or chosen and is not yet sent stays as it is.
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

  // Brings a part of the page, or one to come, in line with what the viewer has chosen.
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

  // The usual is no choice: it is forgotten.
  function choose(name, value, usual) {
    if (value === usual) delete root.dataset[name];
    else root.dataset[name] = value;
    try {
      if (value === usual) localStorage.removeItem(name);
      else localStorage.setItem(name, value);
    } catch {
      // Storage may be forbidden; the choice lasts as long as the page then.
    }
    dress(app);
  }

  // The server writes UTC, and in this form too.
  function writeTimes(part) {
    let parts;
    try {
      const format = new Intl.DateTimeFormat(root.lang, {
        day: "numeric",
        month: "short",
        hour: "2-digit",
        minute: "2-digit",
        second: "2-digit",
        hourCycle: "h23",
        timeZone: root.dataset.zone === "local" ? undefined : "UTC",
        timeZoneName: "short",
      });
      parts = (date) => Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
    } catch {
      return;
    }
    for (const time of part.querySelectorAll("time[data-form]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const { day, month, hour, minute, second } = parts(date);
      const forms = {
        time: `${hour}:${minute}:${second}`,
        minute: `${hour}:${minute}`,
        day: `${day} ${month} ${hour}:${minute}`,
      };
      time.textContent = forms[time.dataset.form] ?? time.textContent;
    }
    for (const zone of part.querySelectorAll(".zone")) zone.textContent = parts(new Date()).timeZoneName;
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

  // Whether there was something to press.
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

  // An element may have several keys, with commas between them. One that is seen goes before one that is not.
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
    const link = new URL(button.dataset.href, location).href;
    const isCopied = await write(link);
    const status = button.parentElement.querySelector("[aria-live]");
    // No update takes it away before its time.
    status.dataset.said = "yes";
    // What could not be copied can be selected.
    status.textContent = isCopied ? button.dataset.copied : link;
    if (!isCopied) return;
    setTimeout(() => {
      status.textContent = "";
      delete status.dataset.said;
    }, SAID_MS);
  }

  // Without TLS there is no clipboard but the old one.
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

  // A full screen ends with its page, so the page goes there without being loaded anew. The way back is a plain link.
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
    // Refused where the battery is low, or without TLS: the screen sleeps then.
    navigator.wakeLock?.request("screen").catch(() => undefined);
  }
})();
