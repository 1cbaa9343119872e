// What the tests know about the pages: their addresses and selectors.

/** Every kind of page, with an address in the built-in figures. */
export const PAGES = [
  { name: "overview", path: "/", status: 200 },
  { name: "last-week", path: "/?compare=week", status: 200 },
  { name: "antennas", path: "/antennas", status: 200 },
  { name: "by-site", path: "/?group=site", status: 200 },
  { name: "antennas-by-site", path: "/antennas?group=site", status: 200 },
  { name: "antenna", path: "/antenna?id=harbour-north", status: 200 },
  { name: "sites", path: "/sites", status: 200 },
  { name: "site", path: "/site?name=harbour", status: 200 },
  { name: "map", path: "/map", status: 200 },
  { name: "map-closer", path: "/map?box=-3.08,43.27,-2.98,43.33&status=healthy", status: 200 },
  { name: "unknown-site", path: "/site?name=nowhere", status: 404 },
  { name: "incidents", path: "/incidents", status: 200 },
  { name: "pipeline", path: "/pipeline", status: 200 },
  { name: "days", path: "/report", status: 200 },
  { name: "report", path: "/report?month=2026-10", status: 200 },
  { name: "quiet", path: "/quiet", status: 200 },
  { name: "audit", path: "/audit", status: 200 },
  { name: "notes", path: "/notes", status: 200 },
  { name: "docs", path: "/docs", status: 200 },
  { name: "route", path: "/docs/api/v1/antennas?limit=2", status: 200 },
  { name: "route-in-path", path: "/docs/api/v1/antennas/%7Bid%7D?id=harbour-north", status: 200 },
  { name: "route-refused", path: "/docs/api/v1/worst?by=beauty", status: 400 },
  { name: "route-not-tried", path: "/docs/api/v1/cells", status: 200 },
  { name: "wall", path: "/?wall=1", status: 200 },
  { name: "not-found", path: "/nowhere", status: 404 },
  { name: "unknown-antenna", path: "/antenna?id=nobody", status: 404 },
];

/** Pages that an operator sees who has logged in, and the login itself. */
export const CLOSED = [
  { name: "account", path: "/account", status: 200 },
  { name: "mute", path: "/mute?antennas=harbour-north", status: 200 },
  { name: "maintenance", path: "/maintenance?antennas=harbour-north", status: 200 },
  { name: "maintenance-again", path: "/maintenance?antennas=harbour-north&recurs=1", status: 200 },
  { name: "acknowledge", path: "/acknowledge?incident=trouble:1763995000000:harbour-north", status: 200 },
  { name: "note", path: "/note", status: 200 },
  { name: "antenna-of-operator", path: "/antenna?id=harbour-north", status: 200 },
  { name: "incidents-of-operator", path: "/incidents", status: 200 },
  { name: "overview-of-operator", path: "/", status: 200 },
];
export const LOGIN = { name: "login", path: "/login", status: 200 };

/** Pages with figures that are kept live. */
export const FIGURES = PAGES.filter(({ path, status }) => status === 200 && !/^\/(docs|report|quiet|audit|notes)/.test(path));

/** A chart with a crosshair, and its focusable element. */
export const PLOT = ".plot[data-table]";
export const PLOT_FOCUS = ".plot[data-table] [tabindex]";

/** The rows of the fleet, and the link in each to the antenna's page. */
export const ROWS = "main tbody tr";
export const ROW_LINK = 'main tbody a[href^="/antenna?"]';

/** The note that analytics does not answer. */
export const AWAY = ".freshness.is-away";

export const SEARCH = "#search";
export const MENU = "#display > summary";
export const PERMALINK_MENU = 'details:has([data-copy="link"]) > summary';

/** The address with parameters set, or removed if they are null. */
export function address(url, parameters) {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null) changed.searchParams.delete(name);
    else changed.searchParams.set(name, value);
  }
  return changed.href;
}
