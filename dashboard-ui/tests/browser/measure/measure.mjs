// What can only be said in time and memory. Needs a quiet machine; prints a table and judges nothing.
//
//   run.sh measure lighthouse [RUNS]   scores of the overview with 1,000 antennas, mobile preset
//   run.sh measure ttfb [REQUESTS]     10,000 antennas, the real programs: time to the first byte of a page, and largest
//                                      contentful paint, once the page's five minutes are full
//   run.sh measure viewers [VIEWERS]   live viewers: the dashboard's memory, and how many streams analytics serves
//   run.sh measure heal [RUNS]         how long a page takes to be live again once what was killed is back
import { readFileSync } from "node:fs";
import { createServer, get, request } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { createGunzip } from "node:zlib";
import { isLive, launch, visit } from "../harness/browser.mjs";
import { AWAY } from "../harness/page.mjs";
import { freePort, mockDashboard, network, until } from "../harness/programs.mjs";

const MEASURES = { lighthouse, ttfb, viewers, heal };
const PAGES = ["/", "/antennas", "/incidents", "/pipeline"];
/** How long the default range takes to fill. */
const FILLED_MS = 5 * 60_000;
const PACE_MS = 230;
const PAINTS = 5;

const [what, count] = process.argv.slice(2);
if (!Object.hasOwn(MEASURES, what ?? "")) {
  console.error(`one of ${Object.keys(MEASURES).join(", ")} is to be measured`);
  process.exit(2);
}
console.table(await MEASURES[what](count && Number(count)));
process.exit(0);

async function lighthouse(runs = 3) {
  const { default: run } = await import("lighthouse");
  const port = await freePort();
  const dashboard = await mockDashboard({ MOCK_ANTENNAS: "1000" });
  const browser = await launch(`--remote-debugging-port=${port}`);
  const categories = ["performance", "accessibility", "best-practices"];
  const rows = [];
  for (let turn = 0; turn < runs; turn += 1) {
    const { lhr } = await run(dashboard.url, { port, onlyCategories: categories, logLevel: "error" });
    const score = (category) => Math.round(lhr.categories[category].score * 100);
    const audits = Object.values(lhr.audits);
    rows.push({
      ...Object.fromEntries(categories.map((category) => [category, score(category)])),
      "LCP ms": Math.round(lhr.audits["largest-contentful-paint"].numericValue),
      "blocked ms": Math.round(lhr.audits["total-blocking-time"].numericValue),
      shift: lhr.audits["cumulative-layout-shift"].numericValue,
      bytes: lhr.audits["total-byte-weight"].numericValue,
      "not passed": audits.filter(({ score }) => score !== null && score < 0.9).map(({ id }) => id).join(" "),
    });
  }
  await browser.close();
  await dashboard.kill();
  return rows;
}

// Requests come at a pace, so that many meet figures that have changed, as they do once a second.
async function ttfb(requests = 300) {
  const real = await network({ antennas: 10_000, interval: "5s" });
  await pause(FILLED_MS);
  const browser = await launch();
  const rows = [];
  for (const path of PAGES) {
    const times = [];
    for (let turn = 0; turn < requests; turn += 1) {
      const next = pause(PACE_MS);
      times.push(await firstByte(real.url + path));
      await next;
    }
    const paints = [];
    for (let turn = 0; turn < PAINTS; turn += 1) {
      paints.push(await visit(browser, real.url + path, {}, largestPaint));
    }
    rows.push({
      path,
      "first byte p50 ms": tenths(rank(times, 0.5)),
      "first byte p99 ms": tenths(rank(times, 0.99)),
      "first byte max ms": tenths(rank(times, 1)),
      "LCP p50 ms": tenths(rank(paints, 0.5)),
      "LCP max ms": tenths(rank(paints, 1)),
    });
  }
  await browser.close();
  await real.end();
  return rows;
}

function firstByte(address) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const asked = get(address, { headers: { "accept-encoding": "gzip" } }, (response) => {
      response.once("data", () => {
        const time = performance.now() - start;
        response.resume().once("end", () => resolve(time));
      });
    });
    asked.on("error", reject);
  });
}

function largestPaint(page) {
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime)).observe({
          type: "largest-contentful-paint",
          buffered: true,
        });
      }),
  );
}

async function viewers(wanted = 1_000) {
  const upstream = { open: 0, most: 0 };
  const real = await network({ antennas: 100, via: (address) => countStreams(address, upstream) });
  const page = await (await fetch(real.url)).text();
  const live = /data-live="([^"]*)"/.exec(page)[1].replaceAll("&amp;", "&");
  const status = `/proc/${real.dashboard.pid}/status`;
  const memory = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(status, "utf8"))[1]) / 1_024;
  const before = memory();
  const fragments = Array(wanted).fill(0);
  let lost = 0;
  const view = (index) =>
    get(real.url + live, { agent: false, headers: { "accept-encoding": "gzip" } }, (response) => {
      const events = response.pipe(createGunzip());
      events.on("data", (part) => (fragments[index] += String(part).split("event: fragment").length - 1));
      response.on("close", () => (lost += 1));
    }).on("error", () => (lost += 1));
  fragments.forEach((_, index) => view(index));
  await until("each viewer has seen five fragments", () => fragments.every((seen) => seen >= 5));
  const row = {
    viewers: wanted,
    lost,
    "MB before": tenths(before),
    "MB after": tenths(memory()),
    "upstream streams": upstream.most,
  };
  await real.end();
  return [row];
}

// Stands between the dashboard and analytics, and counts the streams of events that are open at once.
async function countStreams(address, upstream) {
  const server = createServer((asked, answer) => {
    const isStream = asked.url.startsWith("/api/v1/events");
    if (isStream) upstream.most = Math.max(upstream.most, (upstream.open += 1));
    const forwarded = request(address + asked.url, { method: asked.method, headers: asked.headers }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    forwarded.on("error", () => answer.destroy());
    answer.on("close", () => {
      if (isStream) upstream.open -= 1;
      forwarded.destroy();
    });
    asked.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

async function heal(runs = 5) {
  const real = await network({ antennas: 12 });
  const browser = await launch();
  const rows = [];
  for (let turn = 0; turn < runs; turn += 1) {
    rows.push(
      await visit(browser, real.url, { excused: /./ }, async (page) => {
        await isLive(page);
        await real.dashboard.kill();
        await page.waitForSelector('html[data-stream="lost"]', { state: "attached" });
        await real.dashboard.start();
        const dashboard = await timed(() => isLive(page));
        await real.analytics.kill();
        await page.waitForSelector(AWAY);
        await real.analytics.start();
        const analytics = await timed(() => page.waitForSelector(AWAY, { state: "detached" }));
        return { "dashboard back ms": tenths(dashboard), "analytics back ms": tenths(analytics) };
      }),
    );
  }
  await browser.close();
  await real.end();
  return rows;
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

// The nearest rank.
function rank(values, share) {
  return [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1];
}

function tenths(value) {
  return Number(value.toFixed(1));
}
