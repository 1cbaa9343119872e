// Runs before the first paint: applies the viewer's choices, and marks that scripts run.
(() => {
  "use strict";
  const root = document.documentElement;
  root.dataset.script = "on";
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("zone") === "local") root.dataset.zone = "local";
  } catch {
    // Storage may be blocked; the system's theme and UTC apply then.
  }
})();
