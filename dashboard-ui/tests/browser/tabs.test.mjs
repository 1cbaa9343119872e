// Several tabs of one browser: over HTTP/1.1 it opens six connections to one host, so tabs share their streams.
import assert from "node:assert/strict";
import { Agent, createServer, request } from "node:http";
import { after, test } from "node:test";
import { isLive, launch, updates, watch, WAIT_MS } from "./harness/browser.mjs";
import { mockDashboard, until } from "./harness/programs.mjs";

const TABS = 8;

const [dashboard, browser] = await Promise.all([mockDashboard(), launch()]);
const proxy = await countingProxy(dashboard.url);
after(async () => {
  await browser.close();
  proxy.close();
  await dashboard.kill();
});

// Opens a tab for each path in one browser, one after the other.
async function tabs(paths, use) {
  const context = await browser.newContext({ locale: "en-GB" });
  try {
    const pages = [];
    for (const path of paths) {
      const page = await context.newPage();
      page.setDefaultTimeout(WAIT_MS);
      page.faults = watch(page);
      await page.addInitScript(() => {
        window.seen = { updates: 0 };
        document.addEventListener("morphed", () => (window.seen.updates += 1));
      });
      await page.goto(proxy.url + path);
      await isLive(page);
      pages.push(page);
    }
    await use(pages);
    assert.deepEqual(pages.flatMap(({ faults }) => faults), []);
  } finally {
    await context.close();
  }
  await until("all streams are closed", () => proxy.streams() === 0);
}

test("eight tabs of one page share one stream, and all are live", () =>
  tabs(Array(TABS).fill("/"), async (pages) => {
    assert.equal(proxy.streams(), 1);
    await Promise.all(pages.map((page) => updates(page, 3)));
    // One that leaves does not take the stream along.
    await pages[0].close();
    await Promise.all(pages.slice(1).map((page) => updates(page, 2)));
    assert.equal(proxy.streams(), 1);
  }));

test("eight tabs of eight pages are all live, and leave connections for pages", () => {
  const paths = ["/", "/antennas", "/incidents", "/pipeline", "/?by=latency", "/?window=15m", "/?window=1h", "/antennas?q=a"];
  return tabs(paths, async (pages) => {
    await Promise.all(pages.map((page) => updates(page, 3)));
    await until("three streams last", () => proxy.streams() === 3);
    await pages[0].goto(`${proxy.url}/antenna?id=quarry`);
    await isLive(pages[0]);
    await Promise.all(pages.map((page) => updates(page, 1)));
  });
});

test("a tab that pauses or is hidden leaves the stream to the others, and the last one closes it", () =>
  tabs(["/", "/"], async ([first, second]) => {
    await first.locator("#pause").click();
    await updates(second, 2);
    assert.equal(proxy.streams(), 1);
    await second.evaluate(() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await until("the stream is closed", () => proxy.streams() === 0);
    await first.locator("#pause").click();
    await isLive(first);
    assert.equal(proxy.streams(), 1);
  }));

test("when the stream is cut, all tabs say so and all come back on one", () =>
  tabs(["/", "/", "/"], async (pages) => {
    const lost = pages.map((page) => page.waitForSelector('html[data-stream="lost"]', { state: "attached" }));
    proxy.cut();
    await Promise.all(lost);
    await Promise.all(pages.map(isLive));
    await Promise.all(pages.map((page) => updates(page, 2)));
    assert.equal(proxy.streams(), 1);
  }));

// Hands everything on to the dashboard, and counts the streams that are open.
async function countingProxy(target) {
  const agent = new Agent({ keepAlive: true });
  const streams = new Set();
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const onward = request(target + url, { method, headers, agent }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
      response.on("error", () => answer.destroy());
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    if (url.startsWith("/live/")) {
      streams.add(answer);
      answer.on("close", () => streams.delete(answer));
    }
    onward.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    streams: () => streams.size,
    cut: () => streams.forEach((answer) => answer.destroy()),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
