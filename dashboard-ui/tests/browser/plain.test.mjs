// The pages without JavaScript: everything is readable, and links and forms do the rest.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DESKTOP, PHONE, tooWide, launch, visit } from "./harness/browser.mjs";
import { MENU, PAGES, ROWS, SEARCH, address } from "./harness/page.mjs";
import { mockDashboard } from "./harness/programs.mjs";

const [dashboard, browser] = await Promise.all([mockDashboard({ MOCK_ANTENNAS: "240" }), launch()]);
after(async () => {
  await browser.close();
  await dashboard.kill();
});

const open = (path, use, screen = DESKTOP) => visit(browser, dashboard.url + path, { ...screen, javaScriptEnabled: false }, use);

const ids = (page) => page.locator(`${ROWS} th`).allInnerTexts();

for (const { name, path } of PAGES) {
  test(`the page ${name} is whole without a script`, () =>
    open(
      path,
      async (page) => {
        assert.ok((await page.locator("h1").first().innerText()).length > 0);
        assert.equal(await page.locator(".needs-script").filter({ visible: true }).count(), 0);
        assert.equal(await page.locator("[hidden], .skeleton").filter({ visible: true }).count(), 0);
        assert.deepEqual(await tooWide(page), []);
        if (name !== "wall") assert.ok((await page.locator("header a[href], main a[href]").count()) >= 3);
      },
      PHONE,
    ));
}

test("a range is a link, on every page that has figures over time", async () => {
  for (const path of ["/", "/antennas", "/antenna?id=harbour-north"]) {
    await open(path, async (page) => {
      const link = page.locator('a[href*="window=15m"]').first();
      const label = await link.innerText();
      await link.click();
      assert.equal(new URL(page.url()).searchParams.get("window"), "15m");
      assert.ok((await page.locator("a[aria-current]").allInnerTexts()).includes(label));
    });
  }
});

test("a column's head is a link that sorts, and turns the order around", () =>
  open("/antennas", async (page) => {
    const orders = [];
    for (let turn = 0; turn < 2; turn += 1) {
      await page.locator("main thead th").first().locator("a").click();
      orders.push(await ids(page));
      assert.equal(await page.locator("main thead th[aria-sort]").count(), 1);
    }
    const sorted = (list) => [...list].sort((a, b) => (a < b ? -1 : 1));
    assert.notDeepEqual(orders[0], orders[1]);
    const forward = orders.find((order) => order[0] === sorted(order)[0]);
    assert.deepEqual(forward, sorted(forward));
  }));

test("pages follow each other without a gap and without a repetition", () =>
  open("/antennas", async (page) => {
    const seen = [...(await ids(page))];
    while (await page.locator('main a[rel="next"]').count()) {
      await page.locator('main a[rel="next"]').first().click();
      seen.push(...(await ids(page)));
    }
    assert.equal(seen.length, 240);
    assert.equal(new Set(seen).size, 240);
  }));

test("the search is a form, and keeps the range", () =>
  open("/antennas?window=15m", async (page) => {
    await page.locator(SEARCH).fill("harbour");
    await page.locator(SEARCH).press("Enter");
    const { searchParams } = new URL(page.url());
    assert.deepEqual([searchParams.get("q"), searchParams.get("window")], ["harbour", "15m"]);
    const found = await ids(page);
    assert.ok(found.length > 0 && found.every((id) => id.includes("harbour")), String(found));
    assert.equal(await page.locator(SEARCH).inputValue(), "harbour");
  }));

test("the map is moved and narrowed by links, and each mark is one", () =>
  open("/map?window=15m", async (page) => {
    const box = () => new URL(page.url()).searchParams.get("box");
    const ids = () => page.locator(".antenna-map a.spot").evaluateAll((marks) => marks.map((mark) => mark.getAttribute("href")));
    const all = (await ids()).length;
    assert.ok(all > 20 && box() === null);
    const seen = new Set();
    for (const label of ["Closer", "West", "North", "North", "East", "South"]) {
      await page.getByRole("link", { name: label, exact: true }).click();
      assert.ok(!seen.has(box()), `${label} leads elsewhere`);
      seen.add(box());
    }
    assert.equal(new URL(page.url()).searchParams.get("window"), "15m");
    await page.getByRole("link", { name: "Everything", exact: true }).click();
    assert.deepEqual([box(), (await ids()).length], [null, all]);
    await page.locator('main a[href*="status=down"]').first().click();
    assert.ok((await ids()).length < all);
    // By keyboard alone, too.
    await page.locator(".antenna-map a.spot").first().focus();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/antenna?id=*");
  }));

test("thousands of antennas are clusters that lead closer", async () => {
  const large = await mockDashboard({ MOCK_ANTENNAS: "2000" });
  try {
    await visit(browser, `${large.url}/map`, { ...PHONE, javaScriptEnabled: false }, async (page) => {
      assert.ok((await page.locator("a.spot").count()) <= 500);
      await page.locator("a.spot.is-cluster").first().focus();
      await page.keyboard.press("Enter");
      await page.waitForURL("**/map?box=*");
      assert.ok((await page.locator("a.spot").count()) > 0);
      assert.deepEqual(await tooWide(page), []);
    });
  } finally {
    await large.kill();
  }
});

test("a search that finds nothing says so", () =>
  open(address(`${dashboard.url}/antennas`, { q: "nobody's" }).slice(dashboard.url.length), async (page) => {
    assert.equal(await page.locator(ROWS).count(), 0);
    assert.ok(await page.locator("main .empty").isVisible());
  }));

test("a filter by status is a link", () =>
  open("/antennas", async (page) => {
    await page.locator('main a[href*="status=degraded"]').first().click();
    const rows = await page.locator(ROWS).allInnerTexts();
    assert.ok(rows.length > 0 && rows.every((row) => /degraded/i.test(row)), String(rows));
  }));

test("a row leads to its antenna's page and keeps the range", () =>
  open("/antennas?window=15m", async (page) => {
    const link = page.locator(`${ROWS} a`).first();
    const id = await link.innerText();
    await link.click();
    const { pathname, searchParams } = new URL(page.url());
    assert.deepEqual([pathname, searchParams.get("id"), searchParams.get("window")], ["/antenna", id, "15m"]);
    assert.ok((await page.locator("h1").innerText()).includes(id));
  }));

test("what is shown can be had as CSV", () =>
  open("/antennas?q=harbour", async (page) => {
    const href = await page.locator('main a[href*="csv"]').first().getAttribute("href");
    const answer = await page.request.get(new URL(href, dashboard.url).href);
    assert.match(answer.headers()["content-type"], /^text\/csv/);
    const lines = (await answer.text()).trim().split(/\r?\n/);
    assert.equal(lines.length - 1, await page.locator(ROWS).count());
    assert.ok(lines.slice(1).every((line) => line.includes("harbour")));
  }));

test("the language is a link, and stays", () =>
  open("/", async (page) => {
    await page.locator(MENU).click();
    await page.locator('a[hreflang="es"]').click();
    assert.equal(await page.locator("html").getAttribute("lang"), "es");
    await page.locator('header a[href^="/antennas"]').first().click();
    assert.equal(await page.locator("html").getAttribute("lang"), "es");
  }));
