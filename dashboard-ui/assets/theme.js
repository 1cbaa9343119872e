// Runs before the first paint: sets what the viewer has chosen, and says that there is a script.
(() => {
  "use strict";
  const root = document.documentElement;
  root.dataset.script = "on";
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    if (localStorage.getItem("zone") === "local") root.dataset.zone = "local";
  } catch {
    // Storage may be forbidden; the system's theme and UTC are right then.
  }
})();
