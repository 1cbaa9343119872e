// Days as a calendar and reports of months, from an archive that begins in the month before: what each day tells, what is
// unknown, where squares lead, and what cannot be asked.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { Broker } from "./harness/broker.mjs";
import { DESKTOP, PHONE, launch, tooWide, visit } from "./harness/browser.mjs";
import { network, output, until } from "./harness/programs.mjs";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ANTENNAS = 3;
// Days of the month before: when history begins, when most packets were lost, when nothing was sent, what cannot be read.
const [FIRST, BAD, EMPTY, UNREAD] = [20, 22, 24, 26];

const pictures = process.env.SCREENSHOTS ?? join(output, "screenshots");
mkdirSync(pictures, { recursive: true });

const folder = mkdtempSync(join(tmpdir(), "vigia-report-"));
const real = await network({ antennas: 0, settings: { ARCHIVE: `file://${folder}`, RETENTION: "10m", ARCHIVE_BACKLOG: "90d" } });
const browser = await launch();
after(async () => {
  await browser.close();
  await real.end();
  rmSync(folder, { recursive: true });
});

const started = new Date();
const month = (earlier) => new Date(Date.UTC(started.getUTCFullYear(), started.getUTCMonth() - earlier, 1));
const name = (date, locale = "en-GB") => new Intl.DateTimeFormat(locale, { month: "long", year: "numeric", timeZone: "UTC" }).format(date);
const spelled = (date) => date.toISOString().slice(0, 7);
const before = month(1);
const dayOf = (day) => before.getTime() + (day - 1) * DAY_MS;

// Antennas have reported twice a day since a day of the month before.
const broker = await Broker.at(real.redisPort);
const report = (atMs, loss) => {
  for (let antenna = 0; antenna < ANTENNAS; antenna += 1) {
    const fields = ["antenna_id", `antenna-${antenna}`, "timestamp", Math.floor(atMs / 1_000), "packets", 100, "loss", loss + antenna, "latency", 20];
    broker.append(["XADD", "antenna_stream", `${atMs}-*`, ...fields]);
  }
};
for (let atMs = dayOf(FIRST) + 3 * HOUR_MS; atMs < started.getTime(); atMs += 12 * HOUR_MS) {
  const day = Math.floor((atMs - before.getTime()) / DAY_MS) + 1;
  if (day !== EMPTY) report(atMs, day === BAD ? 60 : 0);
}
await until("days are archived", async () => {
  report(Date.now(), 0);
  const [{ archive }, { limits }] = [await real.ask("/api/v1/pipeline"), await real.ask("/api/v1/summary")];
  return archive.hours_waiting === 0 && archive.days_waiting === 0 && Date.parse(limits.history.until) > started.getTime() - 14 * HOUR_MS;
});
for (const table of ["hourly", "daily", "network_hourly", "network_daily"]) {
  const path = join(folder, "v1", table, `date=${spelled(before)}-${UNREAD}`);
  renameSync(path, `${path}.away`);
}

const open = (path, use, options = {}) => visit(browser, real.url + path, options, use);
const square = (page, monthName, day) =>
  page.locator(".calendar", { hasText: monthName }).locator(".day").nth(day - 1);

test("a square a day tells its success rate; days before history, without readings and unreadable ones are told apart", () =>
  open("/report", async (page) => {
    assert.deepEqual(await page.locator(".calendar caption").allInnerTexts(), [name(before), name(month(0))]);
    const seen = async (day) => {
      const [classes, text] = [await square(page, name(before), day).getAttribute("class"), await square(page, name(before), day).textContent()];
      return [classes.split(" ")[1], text];
    };
    const [bad, badWords] = await seen(BAD);
    assert.equal(bad, "heat-bad");
    assert.match(badWords, new RegExp(`^${BAD}39\\.00${BAD} \\p{L}+ \\d{4}: success rate 39.*, 366 of 600 packets lost, mean latency 20`, "u"));
    assert.deepEqual([(await seen(FIRST - 1))[0], (await seen(EMPTY))[0], (await seen(UNREAD))[0]], ["is-before", "is-empty", "is-unread"]);
    assert.match((await seen(FIRST - 1))[1], /before history begins$/);
    assert.match((await seen(EMPTY))[1], /no reading$/);
    assert.match((await seen(UNREAD))[1], /could not be read$/);
    assert.match((await seen(FIRST))[1], /99/);
    assert.match(await page.locator(".remark").first().innerText(), /History begins on /);
    // What a square tells is seen with the focus too.
    const tip = square(page, name(before), BAD).locator(".tip");
    const clip = () => tip.evaluate((words) => getComputedStyle(words).clipPath);
    assert.notEqual(await clip(), "none");
    await square(page, name(before), BAD).focus();
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    assert.equal(await clip(), "none");
    await square(page, name(before), BAD).click();
    const { searchParams, pathname } = new URL(page.url());
    assert.equal(pathname, "/");
    assert.equal(searchParams.get("window"), "24h");
    assert.equal(Date.parse(searchParams.get("end")), dayOf(BAD + 1));
  }));

test("a page leads to the days of what it is about", async () => {
  await open("/antenna?id=antenna-2", async (page) => {
    await page.locator(".ranges > a", { hasText: "Days" }).click();
    assert.equal(new URL(page.url()).searchParams.get("id"), "antenna-2");
    await page.waitForSelector(".calendar");
    assert.match(await square(page, name(before), FIRST).textContent(), /success rate 98/);
    await square(page, name(before), FIRST).click();
    assert.equal(new URL(page.url()).pathname, "/antenna");
  });
});

test("the report of a month has its figures, its worst antennas and its incidents, and its days as a file", () =>
  open("/report", async (page) => {
    await page.locator("nav.segments a", { hasText: name(before) }).click();
    assert.equal(await page.locator("h1").innerText(), `Report: ${name(before)}`);
    assert.equal(new URL(page.url()).search, `?month=${spelled(before)}`);
    const figures = Object.fromEntries(
      await page.locator(".sums > div").evaluateAll((rows) => rows.map((row) => [row.children[0].textContent, row.children[1].textContent])),
    );
    const days = new Date(month(0) - 1).getUTCDate() - FIRST + 1 - 2;
    const [sent, lost] = [days * 2 * ANTENNAS * 100, days * 2 * 3 + 2 * ANTENNAS * 60];
    const number = (text) => Number(text.replace(/[^\d.]/g, ""));
    assert.equal(number(figures["Packets sent"]), sent);
    assert.equal(number(figures["Packets lost"]), lost);
    assert.ok(Math.abs(number(figures["Success rate"]) - (1 - lost / sent) * 100) < 0.006);
    assert.deepEqual(await page.locator("#worst tbody .id").allInnerTexts(), ["antenna-2", "antenna-1", "antenna-0"]);
    assert.deepEqual(await page.locator("#incidents tbody th").allInnerTexts(), ["Down", "Degraded", "Silent"]);
    const file = await (await fetch(real.url + (await page.locator("#days .file a").first().getAttribute("href")))).text();
    const [heads, ...rows] = file.trim().split(/\r?\n/);
    assert.ok(heads.startsWith("start,readings,packets_sent"));
    assert.equal(rows.length, new Date(month(0) - 1).getUTCDate());
    assert.ok(rows[BAD - 1].startsWith(new Date(dayOf(BAD)).toISOString()), rows[BAD - 1]);
  }));

test("a month that is not over says so, and one that is not kept says what is", async () => {
  await open(`/report?month=${spelled(month(0))}`, async (page) => {
    assert.match(await page.locator("h1").innerText(), /, so far$/);
  });
  await open("/report?month=2001-05", async (page) => {
    assert.match(await page.locator(".report").innerText(), new RegExp(`history begins on ${FIRST} `));
  });
  await open(`/report?month=${spelled(month(-1))}&lang=es`, async (page) => {
    assert.match(await page.locator(".report").innerText(), /no ha empezado/);
  });
  for (const wrong of ["2026-13", "2026", "soon", ""]) {
    assert.equal((await fetch(`${real.url}/report?month=${wrong}`)).status, 400, wrong);
  }
});

for (const colorScheme of ["light", "dark"]) {
  for (const [screen, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const [kind, path] of [["days", "/report?id=antenna-1"], ["report", `/report?month=${spelled(before)}`]]) {
      test(`${kind} are sound in ${colorScheme} on a ${screen}, with and without a script`, async () => {
        await open(
          path,
          async (page) => {
            const axe = new AxeBuilder({ page }).options({ rules: { "target-size": { enabled: true } } });
            const { violations } = await axe.setLegacyMode().analyze();
            assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html} ${nodes[0].failureSummary}`), []);
            assert.deepEqual(await tooWide(page), []);
            if (screen === "phone") {
              const { width, height } = await page.locator("a.day").first().boundingBox();
              assert.ok(width >= 44 && height >= 44, `${width} x ${height}`);
            }
            await page.screenshot({ path: join(pictures, `archive-${kind}-${colorScheme}-${screen}.png`), fullPage: true });
          },
          { ...size, colorScheme },
        );
        await open(path, async (page) => assert.ok(await page.locator("a.day").count()), { ...size, javaScriptEnabled: false });
      });
    }
  }
}

test("a report is printed on two pages of A4 at most", () =>
  open(`/report?month=${spelled(before)}`, async (page) => {
    const file = (await page.pdf({ format: "A4", path: join(pictures, "report.pdf") })).toString("latin1");
    const count = file.match(/\/Type\s*\/Page\b/g).length;
    assert.ok(count <= 2, `${count} pages`);
  }));
