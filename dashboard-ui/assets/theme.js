// Runs before the first paint: applies the viewer's choices, and marks that scripts run. What is kept in the browser has the base
// path in front of its name: a host may have several dashboards, each below a path of its own, and each is another place.
(() => {
  "use strict";
  const root = document.documentElement;
  root.dataset.script = "on";
  try {
    const theme = localStorage.getItem(`${root.dataset.base}theme`);
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem(`${root.dataset.base}zone`) === "local") root.dataset.zone = "local";
  } catch {
    // Storage may be blocked; the system's theme and UTC apply then.
  }
})();
