// The charts under a pointer and under keys, and the page's own keys.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PHONE, isLive, launch, updates, visit } from "./harness/browser.mjs";
import { FIGURES, MENU, PLOT, PLOT_FOCUS } from "./harness/page.mjs";
import { mockDashboard } from "./harness/programs.mjs";

const [dashboard, browser] = await Promise.all([mockDashboard(), launch()]);
after(async () => {
  await browser.close();
  await dashboard.kill();
});

const open = (path, use, options = {}) =>
  visit(browser, dashboard.url + path, options, async (page) => {
    await isLive(page);
    await use(page);
  });

// What the overlay shows, and what it should show for the step at `share` of the charts' width.
function look(page, share) {
  return page.evaluate(
    ([selector, share]) => {
      const isShown = (element) => Boolean(element?.getClientRects().length);
      const plots = [...document.querySelectorAll(selector)].filter(isShown);
      const centre = (element) => {
        const { left, width } = element.getBoundingClientRect();
        return left + width / 2;
      };
      const shared = plots.filter((plot) => plot.dataset.table === plots[0].dataset.table);
      const table = document.getElementById(plots[0].dataset.table);
      const rows = [...table.querySelectorAll("tbody tr")].reverse();
      const step = Math.floor(share * rows.length);
      const text = (element) => element.textContent;
      const heads = [...table.querySelectorAll("thead th")].map(text);
      const tip = document.querySelector(".overlay .tip");
      return {
        lines: [...document.querySelectorAll(".overlay .crosshair")].filter(isShown).map(centre),
        middles: shared.map((plot) => {
          const { left, width } = plot.querySelector("svg").getBoundingClientRect();
          return left + (width * (step + 0.5)) / rows.length;
        }),
        told: isShown(tip) ? [...tip.querySelectorAll("dt, dd")].map(text) : [],
        figures: [...rows[step].cells].flatMap((cell, index) => [heads[index], text(cell)]),
        steps: (Number(plots[0].dataset.end) - Number(plots[0].dataset.start)) / Number(plots[0].dataset.step),
        rows: rows.length,
      };
    },
    [PLOT, share],
  );
}

function assertShown({ lines, middles, told, figures }) {
  assert.deepEqual(told, figures);
  assert.equal(lines.length, middles.length);
  lines.forEach((line, index) => assert.ok(Math.abs(line - middles[index]) <= 1.5, `${line} is not ${middles[index]}`));
}

async function boxOf(page) {
  await page.locator(PLOT).first().scrollIntoViewIfNeeded();
  return page.locator(`${PLOT} svg`).first().boundingBox();
}

for (const { name, path } of FIGURES.filter(({ name }) => ["overview", "antenna"].includes(name))) {
  test(`on the page ${name} one crosshair runs through all charts, with the figures of its step`, () =>
    open(path, async (page) => {
      const box = await boxOf(page);
      for (const share of [0.004, 0.31, 0.509, 0.996]) {
        await page.mouse.move(box.x + share * box.width, box.y + box.height / 2);
        const seen = await look(page, share);
        assert.equal(seen.rows, Math.ceil(seen.steps), "a row for each step");
        assertShown(seen);
        await updates(page, 1);
        assertShown(await look(page, share));
      }
      await page.mouse.move(1, 1);
      assert.deepEqual((await look(page, 0)).told, []);
    }));
}

test("a finger leads the crosshair too", () =>
  open(
    "/",
    async (page) => {
      const box = await boxOf(page);
      await page.touchscreen.tap(box.x + 0.41 * box.width, box.y + box.height / 2);
      assertShown(await look(page, 0.41));
    },
    PHONE,
  ));

test("arrow keys lead the crosshair from step to step, and Escape takes it away", () =>
  open("/", async (page) => {
    // The step under the crosshair keeps its time while updates append new steps.
    await page.locator("#pause").click();
    await page.waitForSelector('html[data-stream="paused"]', { state: "attached" });
    await page.locator(PLOT_FOCUS).first().focus();
    const shareOf = (back, { rows }) => (rows - 0.5 - back) / rows;
    await page.keyboard.press("ArrowLeft");
    assertShown(await look(page, shareOf(0, await look(page, 0))));
    await page.keyboard.press("Home");
    assertShown(await look(page, 0));
    await page.keyboard.press("ArrowRight");
    assertShown(await look(page, 1.5 / (await look(page, 0)).rows));
    await page.keyboard.press("Escape");
    assert.deepEqual((await look(page, 0)).told, []);
  }));

async function drag(page, from, to) {
  const box = await boxOf(page);
  const at = (share) => [box.x + share * box.width, box.y + box.height / 2];
  await page.mouse.move(...at(from));
  await page.mouse.down();
  await page.mouse.move(...at((from + to) / 2));
  await page.mouse.move(...at(to));
  const bounds = await page.locator(PLOT).first().evaluate(({ dataset: { start, end, step } }) => ({
    start: Number(start),
    end: Number(end),
    step: Number(step),
  }));
  await Promise.all([page.waitForURL(/[?&]end=/), page.mouse.up()]);
  const { searchParams } = new URL(page.url());
  const [window, end] = [searchParams.get("window"), Date.parse(searchParams.get("end"))];
  return { bounds, window, end, parameters: searchParams };
}

test("a drag over charts zooms to whole steps and keeps what else the address says; Back returns", () =>
  open("/?window=15m&lang=en", async (page) => {
    const before = page.url();
    const { bounds, window, end, parameters } = await drag(page, 0.7, 0.3);
    const length = Number(window.slice(0, -1)) * 1_000;
    assert.equal(parameters.get("lang"), "en");
    assert.equal(length % bounds.step, 0);
    assert.equal((end - bounds.start) % bounds.step, 0);
    const share = length / (bounds.end - bounds.start);
    assert.ok(Math.abs(share - 0.4) <= (2 * bounds.step) / (bounds.end - bounds.start), `${share}`);
    await page.goBack();
    assert.equal(page.url(), before);
    await isLive(page);
  }));

test("a short drag zooms to half a minute, which is the least", () =>
  open("/", async (page) => {
    const { bounds, window, end } = await drag(page, 0.5, 0.53);
    assert.equal(window, "30s");
    assert.ok(end <= bounds.end && end > bounds.start);
  }));

test("zoom survives a click, and a double click goes back to the whole", () =>
  open("/", async (page) => {
    await drag(page, 0.2, 0.6);
    const zoomed = page.url();
    const box = await boxOf(page);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await updates(page, 1);
    assert.equal(page.url(), zoomed);
    await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForURL((url) => !url.searchParams.has("end"));
    await isLive(page);
  }));

test("a click on a chart that is not zoomed changes nothing", () =>
  open("/", async (page) => {
    const before = page.url();
    const box = await boxOf(page);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await updates(page, 1);
    assert.equal(page.url(), before);
  }));

test("keys find the search, the other pages and their own list", () =>
  open("/antennas", async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.id);
    await page.keyboard.press("/");
    assert.equal(await focused(), "search");
    // In a field, keys are text.
    await page.keyboard.press("?");
    assert.equal(await page.locator("#search").inputValue(), "?");
    await page.locator("#search").fill("");
    await page.locator("#search").blur();
    await page.keyboard.press("?");
    await page.waitForSelector("dialog#keys[open]");
    await updates(page, 2);
    assert.ok(await page.locator("dialog#keys").isVisible());
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog#keys:not([open])", { state: "attached" });
    for (const [letter, path] of [["o", "/"], ["a", "/antennas"], ["i", "/incidents"], ["p", "/pipeline"]]) {
      await page.keyboard.press("g");
      await Promise.all([page.waitForURL((url) => url.pathname === path), page.keyboard.press(letter)]);
      await isLive(page);
    }
  }));

test("from a page without a search, the search's key leads to it", () =>
  open("/", async (page) => {
    if (await page.locator("#search").count()) return;
    await Promise.all([page.waitForURL((url) => url.pathname === "/antennas"), page.keyboard.press("/")]);
  }));

test("the menu closes with Escape, or with a click beside it", () =>
  open("/", async (page) => {
    const isOpen = () => page.locator("#display").evaluate((menu) => menu.open);
    await page.locator(MENU).click();
    await page.keyboard.press("Escape");
    assert.equal(await isOpen(), false);
    await page.locator(MENU).click();
    await page.locator("h1").click();
    assert.equal(await isOpen(), false);
  }));
