// Figures compared with the same time last week: what the archive has of it, or a sentence where it has nothing.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { Broker } from "./harness/broker.mjs";
import { DESKTOP, PHONE, isLive, launch, tooWide, updates, visit } from "./harness/browser.mjs";
import { PLOT_FOCUS, address } from "./harness/page.mjs";
import { network, output, until } from "./harness/programs.mjs";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const WEEK_MS = 7 * 24 * HOUR_MS;
const OLD = "antenna-old";
const NEW = "antenna-new";
const HEIGHT = 200;

const folder = mkdtempSync(join(tmpdir(), "vigia-last-week-"));
// Event time leaps by a week here.
const settings = { ARCHIVE: `file://${folder}`, RETENTION: "10m", ARCHIVE_BACKLOG: "10d" };
const real = await network({ antennas: 0, settings });
const browser = await launch();
after(async () => {
  await browser.close();
  await real.end();
  rmSync(folder, { recursive: true });
});

// An antenna of last week and now, and one that is new. No two minutes of last week have the same figures.
const broker = await Broker.at(real.redisPort);
const minuteNow = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
const beganMs = Math.floor(minuteNow / HOUR_MS) * HOUR_MS - 3 * HOUR_MS;
const report = (id, atMs, loss, latency) => {
  const fields = ["antenna_id", id, "timestamp", (atMs / 1_000).toFixed(3), "packets", 1_000, "loss", loss, "latency", latency];
  broker.append(["XADD", "antenna_stream", `${atMs}-*`, ...fields]);
};
for (let atMs = beganMs - WEEK_MS; atMs < minuteNow + HOUR_MS - WEEK_MS; atMs += MINUTE_MS) {
  const minute = (atMs + WEEK_MS - beganMs) / MINUTE_MS;
  report(OLD, atMs, 20 + (minute % 41), 40 + 0.1 * minute);
}
const both = (atMs) => {
  report(OLD, atMs, 10, 20);
  report(NEW, atMs, 10, 20);
};
for (let atMs = beganMs; atMs < minuteNow - 10 * MINUTE_MS; atMs += MINUTE_MS) both(atMs);
for (let atMs = minuteNow - 10 * MINUTE_MS; atMs < Date.now(); atMs += SECOND_MS) both(atMs);
const going = setInterval(() => both(Date.now()), SECOND_MS);
after(() => clearInterval(going));
await until("last week is archived, and short steps are told", async () => {
  const { archive } = await real.ask("/api/v1/pipeline");
  const { interval_seconds: interval } = await real.ask("/api/v1/summary");
  const isThere = archive.hours_waiting === 0 && archive.oldest !== null && interval < 5;
  return isThere && (await measured(`end=${iso(beganMs + HOUR_MS - WEEK_MS)}&window=1h`)) === 60;
});

// A window that has ended, in whole minutes.
const END_MS = minuteNow - 5 * MINUTE_MS;
const FIXED = `window=1h&end=${iso(END_MS)}`;

function iso(atMs) {
  return new Date(atMs).toISOString();
}

async function measured(window) {
  const { points } = await real.ask(`/api/v1/series?${window}&step=1m`);
  return points.filter(({ readings }) => readings > 0).length;
}

/** The steps of a week before a window, by the time that is a week later. */
async function lastWeek(antenna = "") {
  const { points } = await real.ask(`/api/v1/series?window=1h&step=1m&end=${iso(END_MS - WEEK_MS)}${antenna}`);
  assert.equal(points.length, 60);
  assert.ok(points.every(({ readings }) => readings > 0));
  return new Map(points.map((point) => [Date.parse(point.start) + WEEK_MS, point]));
}

const withoutScript = (path, use, screen = DESKTOP) =>
  visit(browser, real.url + path, { ...screen, javaScriptEnabled: false }, async (page, response) => {
    assert.equal(response.status(), 200);
    await use(page);
  });

/** The table behind the charts: the time of each row with a cell by heading, oldest first. */
const table = (page) =>
  page.locator("#steps").evaluate((table) => {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent);
    const row = (row) => {
      const cells = [...row.cells].map((cell, index) => [heads[index], cell.textContent]);
      return { atMs: Date.parse(row.querySelector("time").dateTime), ...Object.fromEntries(cells) };
    };
    return [...table.querySelectorAll("tbody tr")].map(row).reverse();
  });

/** The values of the line of last week, read off its height and the labels of the axis. */
const line = (page, chart) =>
  page.locator(`.chart.${chart}`).evaluate((card, height) => {
    const top = Number(card.querySelector(".axis-y li").textContent.replace(/[^\d.]/g, ""));
    const path = card.querySelector("path.last-week").getAttribute("d");
    return path.split(/[ML]/).slice(1).map((point) => top * (1 - Number(point.split(" ")[1]) / height));
  }, HEIGHT);

const number = (text) => Number(/[\d.]+/.exec(text)[0]);

function assertClose(values, expected, most) {
  assert.equal(values.length, expected.length);
  values.forEach((value, index) => assert.ok(Math.abs(value - expected[index]) <= most, `${index}: ${value} is not ${expected[index]}`));
}

/** The page has the figures of a week before, in its charts, its table and its words. */
async function assertCompared(page, latency, heading, points) {
  const rows = await table(page);
  assert.equal(rows.length, points.size);
  const expected = rows.map(({ atMs }) => points.get(atMs));
  const losses = expected.map(({ success_rate: rate }) => (1 - rate) * 100);
  assertClose(rows.map((row) => number(row["Loss, last week"])), losses, 0.006);
  assertClose(rows.map((row) => number(row[heading])), expected.map(latency), 0.51);
  // A tenth of a unit of the picture is all that a path tells.
  assertClose(await line(page, "latency"), expected.map(latency), 0.1);
  assertClose(await line(page, "loss"), losses, 0.02);
  for (const chart of await page.locator(".chart").all()) {
    assert.match(await chart.locator(".legend").innerText(), /same time last week/);
    assert.match(await chart.locator("svg").getAttribute("aria-label"), /The same time last week: /);
  }
}

test("without script, the line and the table have what was measured a week before, and a link turns them on and off", () =>
  withoutScript(`/?${FIXED}`, async (page) => {
    assert.equal(await page.locator(".last-week").count(), 0);
    await page.locator(".ranges a", { hasText: "vs last week" }).click();
    assert.equal(new URL(page.url()).searchParams.get("compare"), "week");
    const points = await lastWeek();
    const mean = ({ latency_ms: { mean } }) => mean;
    await assertCompared(page, mean, "Mean, last week", points);
    await page.reload();
    await assertCompared(page, mean, "Mean, last week", points);
    assert.equal(await page.locator(".heading ~ .remark").count(), 0);
    await page.locator(".pages a", { hasText: "Antennas" }).click();
    assert.equal(new URL(page.url()).searchParams.get("compare"), "week");
    await page.locator("a.id", { hasText: OLD }).click();
    const median = ({ latency_ms: { p50 } }) => p50;
    await assertCompared(page, median, "p50, last week", await lastWeek(`&antenna=${OLD}`));
    await page.locator(".ranges a", { hasText: "vs last week" }).click();
    assert.equal(new URL(page.url()).searchParams.get("compare"), null);
    assert.equal(await page.locator(".last-week").count(), 0);
  }));

test("the tiles tell the change since the same time last week", () =>
  withoutScript(`/antenna?id=${OLD}&${FIXED}&compare=week`, async (page) => {
    const of = async (endMs) => {
      const { antennas } = await real.ask(`/api/v1/antennas?window=1h&end=${iso(endMs)}&id=${OLD}`);
      return antennas[0];
    };
    const [now, then] = [await of(END_MS), await of(END_MS - WEEK_MS)];
    assert.notEqual(now.latency_ms.mean, then.latency_ms.mean);
    const told = await page.locator(".tile .change").allInnerTexts();
    const [latency, delivered, success] = told.slice(0, 3).map((text) => number(text.replace(/\s/g, "")));
    // Thousands are whole from ten on.
    const thousands = (now.packets_delivered - then.packets_delivered) / 1_000;
    assertClose([latency], [then.latency_ms.mean - now.latency_ms.mean], 0.051);
    assertClose([delivered], [thousands], thousands < 10 ? 0.051 : 0.51);
    assertClose([success], [(now.success_rate - then.success_rate) * 100], 0.0051);
    assert.ok(told.every((text) => text.endsWith("vs same time last week") || text.startsWith("no ")), told.join());
    const arrows = await page.locator(".tile .change strong").allTextContents();
    assert.ok(arrows[0].includes("down") && arrows[0].includes("better"), arrows[0]);
  }));

test("where nothing is known of last week there is a sentence, no line and no zero", async () => {
  const before = `window=1h&end=${iso(beganMs + HOUR_MS - WEEK_MS)}`;
  for (const [path, words] of [
    [`/?${before}&compare=week`, /^Nothing to compare with: the same time last week is not kept\. History begins on /],
    [`/antenna?id=${NEW}&${FIXED}&compare=week`, /^Nothing to compare with: this antenna reported nothing at the same time last week\.$/],
    [`/?${before}&compare=week&lang=es`, /^Nada con que comparar: no se guarda nada de hace una semana\. El historial empieza el /],
    [`/antenna?id=${NEW}&${FIXED}&compare=week&lang=es`, /^Nada con que comparar: esta antena no informó/],
  ]) {
    await withoutScript(path, async (page) => {
      assert.match(await page.locator(".heading ~ .remark").innerText(), words);
      for (const path of await page.locator("path.last-week").all()) assert.equal(await path.getAttribute("d"), "");
      const rows = await table(page);
      assert.ok(rows.every((row) => Object.entries(row).filter(([head]) => /last week|hace una semana/.test(head)).every(([, cell]) => cell === "–")));
      for (const chart of await page.locator(".chart svg").all()) {
        assert.match(await chart.getAttribute("aria-label"), /No data of the same time last week\.$|Sin datos de hace una semana\.$/);
      }
      assert.equal(await page.locator(".change strong").count(), 0);
      assert.ok((await page.locator(".change").allInnerTexts()).every((text) => /^no |^sin |^nothing |^nada /.test(text)));
    });
  }
});

const pictures = process.env.SCREENSHOTS ?? join(output, "screenshots");
mkdirSync(pictures, { recursive: true });

for (const colorScheme of ["light", "dark"]) {
  for (const [screen, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    test(`in ${colorScheme} on a ${screen}, a live page goes on showing last week and stays where it is`, () =>
      visit(browser, `${real.url}/?compare=week`, { ...size, colorScheme }, async (page) => {
        await isLive(page);
        const shown = async () => {
          // Minutes are the shortest steps of the archive.
          assert.match(await page.locator(".chart.latency .legend").innerText(), /same time last week, steps of 1 min/);
          assert.match(await page.locator(".chart.latency .last-week").getAttribute("d"), /^M\S+ \S+L/);
        };
        await shown();
        await updates(page, 3);
        await shown();
        await page.reload();
        await isLive(page);
        await updates(page, 3);
        await shown();
        assert.deepEqual(await page.evaluate(() => window.seen.shifts), []);
        assert.deepEqual(await tooWide(page), []);
        const axe = new AxeBuilder({ page }).options({ rules: { "target-size": { enabled: true } } });
        const { violations } = await axe.setLegacyMode().analyze();
        assert.deepEqual(violations.map(({ id }) => id), []);
        for (const [name, path] of [["overview", `/?${FIXED}`], ["antenna", `/antenna?id=${OLD}&${FIXED}`], ["live", "/?"], ["nothing", `/antenna?id=${NEW}&${FIXED}`]]) {
          await page.goto(`${real.url}${path}&compare=week`);
          await page.screenshot({ path: join(pictures, `last-week-${name}-${colorScheme}-${screen}.png`), fullPage: true });
        }
      }));
  }
}

for (const lang of ["en", "es"]) {
  test(`what changes are measured against is told whole, however little room there is (${lang})`, () =>
    visit(browser, `${real.url}/?${FIXED}&compare=week&lang=${lang}`, {}, async (page) => {
      for (const [width, height, wall] of [[1366, 900], [1100, 900], [820, 900], [360, 800], [1920, 1080, 1], [1366, 900, 1], [1100, 800, 1]]) {
        await page.setViewportSize({ width, height });
        await page.evaluate((isWall) => document.documentElement.classList.toggle("wall", isWall), Boolean(wall));
        const cut = await page.evaluate(() =>
          [...document.querySelectorAll(".tile .against")].filter((words) => {
            const [{ left, right, top, bottom }, tile] = [words, words.closest(".tile")].map((part) => part.getBoundingClientRect());
            return !(right > left && left >= tile.left && right <= tile.right && top >= tile.top && bottom <= tile.bottom);
          }).length,
        );
        assert.equal(cut, 0, `at ${width} x ${height}`);
      }
    }));
}

test("the crosshair tells the figures of last week too", () =>
  visit(browser, `${real.url}/?${FIXED}&compare=week`, {}, async (page) => {
    await page.locator(PLOT_FOCUS).first().focus();
    await page.keyboard.press("Home");
    const told = await page.locator(".overlay:not([hidden]) .tip").evaluate((tip) => [...tip.querySelectorAll("dt, dd")].map((part) => part.textContent));
    const [first] = await table(page);
    for (const head of ["Mean, last week", "Loss, last week"]) assert.equal(told[told.indexOf(head) + 1], first[head]);
  }));

test("dates of another year tell it, on the axes and below the crosshairs, in the zone that was chosen", () =>
  visit(browser, address(real.url, { window: "7d", end: "2024-12-31T20:00:00Z" }), { timezoneId: "Asia/Tokyo" }, async (page) => {
    const axis = () => page.locator(".axis-x time").allTextContents();
    const isDated = (text) => /^\d{1,2} \p{L}+ 202[45]$/u.test(text);
    const inUtc = await axis();
    assert.ok(inUtc.length >= 10 && inUtc.every(isDated), inUtc.join());
    assert.equal(inUtc[4], "31 Dec 2024");
    await page.locator("#display > summary").click();
    await page.locator('[data-set-zone="local"]').click();
    await page.keyboard.press("Escape");
    assert.equal((await axis())[4], "1 Jan 2025");
    await page.locator(PLOT_FOCUS).first().focus();
    await page.keyboard.press("End");
    const time = page.locator(".overlay:not([hidden]) .tip dd").first();
    assert.match(await time.textContent(), /^1 Jan 2025 \d\d:00$/);
  }));
