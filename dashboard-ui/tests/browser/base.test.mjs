// The dashboard below a path of a proxy, which has something else everywhere else.
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { after, test } from "node:test";
import { isLive, launch, updates, visit } from "./harness/browser.mjs";
import { FIGURES, MENU, PAGES } from "./harness/page.mjs";
import { mockDashboard } from "./harness/programs.mjs";

const BASE = "/vigia";
const OTHER = "/vigia-of-others";

const [dashboard, other] = await Promise.all([BASE, OTHER].map((base) => mockDashboard({ BASE_PATH: base })));
const browser = await launch();
const outside = [];
const proxy = createServer((asked, answer) => {
  const isBelow = (base) => asked.url === base || asked.url.startsWith(`${base}/`);
  const to = isBelow(BASE) ? dashboard : isBelow(OTHER) && other;
  if (!to) {
    outside.push(asked.url);
    answer.writeHead(404).end("something else");
    return;
  }
  const { method, url, headers } = asked;
  const passed = request(to.url + url, { method, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => passed.destroy());
  asked.pipe(passed);
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${proxy.address().port}`;
after(async () => {
  await browser.close();
  proxy.closeAllConnections();
  proxy.close();
  await Promise.all([dashboard.kill(), other.kill()]);
});

test("no link, form, asset or stream of any page leads out of the base path", async () => {
  const pages = new Map(PAGES.map(({ path, status }) => [BASE + path, status]));
  const seen = new Set();
  for (const [path, status] of pages) {
    await visit(browser, url + path, {}, async (page, response) => {
      assert.equal(response.status(), status, path);
      const found = await page.evaluate(() =>
        [...document.querySelectorAll("[href], [src], [action], [data-live], [data-hub]")].flatMap((element) =>
          ["href", "src", "action", "data-live", "data-hub"]
            .map((name) => element.getAttribute(name))
            .filter((value) => value && !value.startsWith("#"))
            .map((value) => new URL(value, location).href),
        ),
      );
      assert.ok(found.length > 10, `${path} has ${found.length} addresses`);
      for (const address of found) {
        const { origin, pathname, search } = new URL(address);
        assert.ok(origin === url && pathname.startsWith(`${BASE}/`), `${address} of ${path} is outside`);
        const isPage = !/^\/vigia\/(assets|csv|live)/.test(pathname);
        // One of each path is followed; what a page lists is shown in the same way.
        if (isPage && !seen.has(pathname)) {
          seen.add(pathname);
          if (![...pages.keys()].some((known) => known.split("?")[0] === pathname)) pages.set(pathname + search, 200);
        }
      }
    });
  }
  assert.ok(seen.size > 20, `${seen.size} paths`);
  assert.deepEqual(outside, []);
});

test("pages are live below the base path, with a stream of their own and with a shared one", async () => {
  for (const { path } of FIGURES) {
    await visit(browser, url + BASE + path, {}, isLive);
    await visit(browser, url + BASE + path, { isAlone: true }, async (page) => {
      await isLive(page);
      await updates(page, 1);
    });
  }
  assert.deepEqual(outside, []);
});

test("links, the search and the form of a range stay below the base path", () =>
  visit(browser, `${url}${BASE}/antennas`, {}, async (page) => {
    const isBelow = () => assert.ok(new URL(page.url()).pathname.startsWith(`${BASE}/`), page.url());
    await isLive(page);
    await page.fill("#search", "harbour");
    await page.waitForURL(/q=harbour/);
    isBelow();
    await page.locator("main tbody a.id").first().click();
    await page.waitForURL(/antenna\?id=/);
    isBelow();
    await page.locator(".brand").click();
    await page.waitForURL(new RegExp(`${BASE}/$`));
    isBelow();
    assert.deepEqual(outside, []);
  }));

test("two dashboards of one host keep apart what they keep in the browser", () =>
  visit(browser, `${url}${BASE}/`, { isAlone: true }, async (page) => {
    await isLive(page);
    await page.locator(MENU).click();
    for (const choice of ['[data-set-theme="dark"]', '[data-set-zone="local"]']) await page.locator(choice).click();
    const chosen = () => page.evaluate(() => [document.documentElement.dataset.theme, document.documentElement.dataset.zone]);
    assert.deepEqual(await chosen(), ["dark", "local"]);
    await page.goto(`${url}${OTHER}/`);
    await isLive(page);
    assert.deepEqual(await chosen(), [undefined, undefined]);
    // In one tab, each reloads once for a release that both have.
    const body = "event: release\ndata: another\n\n";
    await page.route("**/live/**", (route) => route.fulfill({ contentType: "text/event-stream", body }));
    const asked = [];
    page.on("request", (request) => request.isNavigationRequest() && asked.push(new URL(request.url()).pathname));
    for (const base of [OTHER, BASE]) {
      await page.goto(`${url}${base}/`, { waitUntil: "commit" });
      await page.waitForFunction(() => window.seen?.streams.length >= 3);
    }
    assert.deepEqual(asked, [OTHER, OTHER, BASE, BASE].map((base) => `${base}/`));
    assert.deepEqual(await chosen(), ["dark", "local"]);
    const names = await page.evaluate(() => [localStorage, sessionStorage].map((kept) => Object.keys(kept).sort()));
    assert.deepEqual(names, [[`${BASE}theme`, `${BASE}zone`], [`${OTHER}release`, `${BASE}release`]]);
    // A worker that tabs share is known by its address.
    assert.ok((await page.locator("#app").getAttribute("data-hub")).startsWith(`${BASE}/`));
  }));
