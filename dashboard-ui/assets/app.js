// Keeps the page live: takes fragments from the server and morphs them in. The page is whole without this script.
(() => {
  "use strict";
  const SILENCE_MS = 15_000;
  const RETRY_FIRST_MS = 500;
  const RETRY_MOST_MS = 30_000;

  const root = document.documentElement;
  const main = document.getElementById("content");

  startThemeSwitch(document.getElementById("theme"));
  if (main.dataset.live) startLive(main.dataset.live, document.getElementById("pause"));

  function startLive(address, pause) {
    let stream = null;
    let isPaused = false;
    let failures = 0;
    let watchdog = 0;
    let retry = 0;

    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.setAttribute("aria-pressed", String(isPaused));
      update();
    });
    // A hidden tab needs no stream, and browsers allow six to one host.
    document.addEventListener("visibilitychange", update);
    addEventListener("pagehide", close);
    addEventListener("pageshow", update);
    addEventListener("online", () => {
      if (!stream) connect();
    });
    update();

    function update() {
      if (isPaused || document.hidden) {
        close();
        if (isPaused) show("paused");
      } else if (!stream) {
        connect();
      }
    }

    function connect() {
      close();
      if (isPaused || document.hidden) return;
      stream = new EventSource(address);
      stream.addEventListener("open", watch);
      stream.addEventListener("ping", watch);
      stream.addEventListener("release", (event) => adopt(event.data));
      stream.addEventListener("fragment", (event) => {
        watch();
        failures = 0;
        morph(event.data);
        show("live");
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
      retry = setTimeout(connect, most * (0.5 + Math.random() / 2));
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
    Idiomorph.morph(main, html, {
      morphStyle: "innerHTML",
      callbacks: {
        // What the viewer has opened stays open.
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.tagName === "DETAILS"),
      },
    });
    const title = main.firstElementChild?.dataset.title;
    if (title && title !== document.title) document.title = title;
  }

  function startThemeSwitch(button) {
    const system = matchMedia("(prefers-color-scheme: dark)");
    button.addEventListener("click", () => {
      const current = root.dataset.theme ?? (system.matches ? "dark" : "light");
      const next = current === "dark" ? "light" : "dark";
      // Back at what the system wants, the page follows the system again.
      const isSystems = next === (system.matches ? "dark" : "light");
      if (isSystems) delete root.dataset.theme;
      else root.dataset.theme = next;
      try {
        if (isSystems) localStorage.removeItem("theme");
        else localStorage.setItem("theme", next);
      } catch {
        // Storage may be forbidden; the choice lasts as long as the page then.
      }
    });
  }
})();
