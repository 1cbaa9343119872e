// Ranges that reach into the archive: what is offered, what is told of hours that cannot be read, and where entries are.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Broker } from "./harness/broker.mjs";
import { DESKTOP, PHONE, launch, tooWide, visit } from "./harness/browser.mjs";
import { MENU } from "./harness/page.mjs";
import { network, until } from "./harness/programs.mjs";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const HOURS = 6;
const ANTENNAS = 3;

const folder = mkdtempSync(join(tmpdir(), "vigia-archive-"));
const real = await network({ antennas: 0, settings: { ARCHIVE: `file://${folder}`, RETENTION: "10m" } });
const browser = await launch();
after(async () => {
  await browser.close();
  await real.end();
  rmSync(folder, { recursive: true });
});

// Antennas have reported each minute since some hours ago, and go on.
const broker = await Broker.at(real.redisPort);
const report = (atMs) => {
  for (let antenna = 0; antenna < ANTENNAS; antenna += 1) {
    const fields = ["antenna_id", `antenna-${antenna}`, "timestamp", Math.floor(atMs / 1_000), "packets", 100, "loss", 1, "latency", 20];
    broker.append(["XADD", "antenna_stream", `${atMs}-*`, ...fields]);
  }
};
const beganMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - HOURS * HOUR_MS;
for (let atMs = beganMs; atMs < Date.now(); atMs += MINUTE_MS) report(atMs);
await until("hours are archived", async () => {
  report(Date.now());
  const { archive } = await real.ask("/api/v1/pipeline");
  return archive.hours_waiting === 0 && archive.days_waiting === 0 && archive.oldest !== null;
});

/** What is in files together with an hour after the beginning: the hour, or the day that it is compacted into. */
function kept(hour) {
  const startMs = beganMs + hour * HOUR_MS;
  const [date, time] = new Date(startMs).toISOString().split("T");
  const ofHour = join(folder, "v1", "hours", `date=${date}`, `hour=${time.slice(0, 2)}`);
  const ofDay = ["days", "hourly", "daily", "network_minutes", "network_hourly", "network_daily"].map((name) => join(folder, "v1", name, `date=${date}`, "0.parquet"));
  if (existsSync(ofDay.at(-1))) return { day: date, endMs: Math.ceil((startMs + 1) / DAY_MS) * DAY_MS, files: ofDay };
  return { startMs, endMs: startMs + HOUR_MS, files: readdirSync(ofHour).map((name) => join(ofHour, name)) };
}

const withoutScript = (path, use, screen = DESKTOP) =>
  visit(browser, real.url + path, { ...screen, javaScriptEnabled: false }, async (page, response) => {
    assert.equal(response.status(), 200);
    await use(page);
  });

test("hours that cannot be read are told with their reason and left open, and are back with their files", async () => {
  const [first, other] = [kept(1), kept(3)];
  // Shortly after midnight, both are in the same files.
  const isOne = first.day !== undefined && first.day === other.day;
  const [missing, damaged] = [first.files, isOne ? [] : other.files];
  const whole = damaged.map((path) => readFileSync(path));
  for (const path of missing) renameSync(path, `${path}.away`);
  for (const path of damaged) writeFileSync(path, "no Parquet");
  const minute = (atMs) => (atMs === undefined ? "" : new Date(atMs).toISOString().slice(11, 16));
  await withoutScript("/?window=24h", async (page) => {
    const remarks = (await page.locator(".heading ~ .remark").allInnerTexts()).join("\n");
    const told = ({ startMs, endMs }, why) =>
      new RegExp(`No figures from .*${minute(startMs)} to .*${minute(endMs)} UTC: a file of the archive is ${why}`);
    assert.match(remarks, told(first, "missing"));
    if (!isOne) assert.match(remarks, told(other, "damaged"));
    assert.match(remarks, /History begins (at|on) /);
    for (const chart of await page.locator(".chart svg").all()) {
      assert.equal((await chart.locator(".unread").getAttribute("d")).split("z").length - 1, isOne ? 1 : 2);
      const stretches = isOne ? / 1 stretch of the archive could not be read\./ : /2 stretches of the archive could not be read\./;
      assert.match(await chart.getAttribute("aria-label"), stretches);
    }
  });
  await withoutScript("/?window=24h&lang=es", async (page) => {
    const remarks = (await page.locator(".heading ~ .remark").allInnerTexts()).join("\n");
    assert.match(remarks, /Sin cifras del .* UTC: falta un fichero del archivo histórico/);
    assert.match(remarks, /El historial empieza /);
  });
  for (const path of missing) renameSync(`${path}.away`, path);
  damaged.forEach((path, index) => writeFileSync(path, whole[index]));
  const text = async () => (await fetch(`${real.url}/?window=24h`, { headers: { "accept-language": "en" } })).text();
  await until("the figures are back", async () => !(await text()).includes("No figures"));
  await withoutScript("/?window=24h", async (page) => {
    assert.equal(await page.locator(".chart .unread").count(), 0);
  });
});

test("ranges of hours and days are links, and the form takes any time since history began", () =>
  withoutScript(
    "/antenna?id=antenna-1",
    async (page) => {
      const labels = await page.locator(".ranges nav a").allInnerTexts();
      assert.deepEqual(labels, ["5m", "15m", "1h", "6h", "24h", "7d", "30d", "90d"]);
      for (const label of ["6h", "7d"]) {
        await page.locator(".ranges nav a", { hasText: label }).click();
        assert.equal(new URL(page.url()).searchParams.get("window"), label);
        assert.deepEqual(await page.locator(".ranges nav a[aria-current]").allInnerTexts(), [label]);
        assert.deepEqual(await tooWide(page), []);
      }
      const days = await page.locator(".chart.latency .axis-x time").allTextContents();
      assert.ok(days.every((day) => /^\d{1,2} \p{L}+$/u.test(day)), days.join());
      // An hour that only files have, in the steps that they have.
      await page.locator("#range > summary").click();
      const input = (hour) => new Date(beganMs + hour * HOUR_MS).toISOString().slice(0, 16);
      assert.equal(await page.locator("input[name=from]").getAttribute("min"), input(0));
      await page.locator("input[name=from]").fill(input(1));
      await page.locator("input[name=to]").fill(input(2));
      await page.locator("#range button[type=submit]").click();
      assert.equal(new URL(page.url()).searchParams.get("window"), "1h");
      const rows = await page.locator("#steps tbody tr").allTextContents();
      assert.equal(rows.length, 60);
      assert.ok(rows.every((row) => row.includes("99")), rows.join());
    },
    PHONE,
  ));

test("the pipeline says where the archive is, and where the entries counted are", () =>
  visit(browser, `${real.url}/pipeline`, {}, async (page) => {
    assert.match(await page.locator("#archive").innerText(), new RegExp(`Every hour that is final is in it.*${folder}`, "s"));
    const [counted, ...parts] = await page.locator("#ledger h3 + .equation strong").allInnerTexts();
    const number = (text) => Number(text.replace(/\D/g, ""));
    assert.equal(parts.length, 3);
    assert.ok(number(parts[1]) >= (HOURS - 1) * 60 * ANTENNAS, parts.join());
    assert.equal(number(counted), parts.map(number).reduce((sum, part) => sum + part));
  }));

test("beyond a day, the crosshair of the map tells the day too, in the zone that was chosen", () =>
  visit(browser, `${real.url}/?window=7d`, { timezoneId: "Asia/Tokyo" }, async (page) => {
    const map = page.locator(".map svg");
    const time = page.locator(".overlay:not([hidden]) .tip time");
    const hour = async () => {
      await map.scrollIntoViewIfNeeded();
      const { x, y, width } = await map.boundingBox();
      await page.mouse.move(0, 0);
      await page.mouse.move(x + width - 2, y + 4);
      return Number(/^\d{1,2} \p{L}+ (\d\d):\d\d$/u.exec(await time.textContent())[1]);
    };
    const inUtc = await hour();
    await page.locator(MENU).click();
    await page.locator('[data-set-zone="local"]').click();
    await page.keyboard.press("Escape");
    assert.equal(await hour(), (inUtc + 9) % 24);
  }));
