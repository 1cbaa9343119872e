// A browser with an empty profile, and pages that are watched for errors.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const DESKTOP = { viewport: { width: 1366, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Longer than anything takes, even on a busy machine. */
export const WAIT_MS = 20_000;

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The profile is new, and is deleted with the browser. */
export function launch(...flags) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags], chromiumSandbox: false });
}

/**
 * Opens an address, lets `use` look at the page, and asserts that nothing went wrong in it meanwhile: no error and no
 * warning in the console (a violated policy is one), no exception, no dialog. `excused` is what may. With `isAlone`, the page
 * cannot share a stream with other tabs, and has one of its own that can be looked at.
 */
export async function visit(browser, url, options, use) {
  const { excused, isAlone, ...context } = options;
  const opened = await browser.newContext({ ...DESKTOP, locale: "en-GB", ...context });
  try {
    const page = await opened.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const faults = watch(page);
    await page.addInitScript(observe);
    if (isAlone) await page.addInitScript(() => delete window.SharedWorker);
    const response = await page.goto(url);
    const result = await use(page, response);
    const unexcused = faults.filter((fault) => !excused?.test(fault));
    assert.deepEqual(unexcused, [], `faults on ${url}`);
    return result;
  } finally {
    await opened.close();
  }
}

/** The faults of a page, as they come. */
export function watch(page) {
  const faults = [];
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    // The browser complains about any page whose own status is 404 or 503, as some of these must be.
    const isOwnStatus = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
    if (!isOwnStatus) faults.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  return faults;
}

// Runs in the page before its own scripts.
function observe() {
  const seen = { updates: 0, streams: [], shifts: [] };
  window.seen = seen;
  document.addEventListener("morphed", () => (seen.updates += 1));
  window.EventSource = class extends EventSource {
    constructor(...args) {
      super(...args);
      seen.streams.push(this);
    }
  };
  // Lines must keep their position and height. Within a line, a figure may gain or lose a digit and move what is next to
  // it, which the browser counts as a shift too.
  const edges = ({ y, height }) => `${y} ${height}`;
  const hasMoved = ({ previousRect, currentRect }) => edges(previousRect) !== edges(currentRect);
  // The labels of a chart follow its figures: another scale has other labels.
  const isOfChart = ({ node }) => (node?.closest ? node : node?.parentElement)?.closest(".plot, .legend") != null;
  const told = ({ node, previousRect, currentRect }) =>
    `${node?.outerHTML ?? node?.nodeValue}: from ${edges(previousRect)} to ${edges(currentRect)}`;
  new PerformanceObserver((list) => {
    const shifts = list.getEntries().filter(({ hadRecentInput }) => !hadRecentInput);
    seen.shifts.push(...shifts.flatMap(({ sources }) => sources.filter((source) => hasMoved(source) && !isOfChart(source)).map(told)));
  }).observe({ type: "layout-shift" });
}

/** Waits until the page receives updates. */
export function isLive(page) {
  return page.waitForSelector('html[data-stream="live"]', { state: "attached" });
}

/** Waits for a number of further updates. */
export async function updates(page, count) {
  const before = await page.evaluate(() => window.seen.updates);
  await page.waitForFunction((wanted) => window.seen.updates >= wanted, before + count);
}

/** How many streams the page has open. */
export function openStreams(page) {
  return page.evaluate(() => window.seen.streams.filter((stream) => stream.readyState !== EventSource.CLOSED).length);
}

/** What overflows sideways: the page itself, or a part of it that is not collapsed. */
export function tooWide(page) {
  return page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll(".scroll")]
      .filter((part) => !part.closest("details") && part.scrollWidth > part.clientWidth)
      .map((part) => part.ariaLabel ?? part.tagName),
  );
}
