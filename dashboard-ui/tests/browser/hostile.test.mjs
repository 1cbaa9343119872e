// Anybody can choose an id, and who fills in a spreadsheet of antennas need not mean well either. Ids arrive through the broker like
// any reading, names, sites and labels in ANTENNAS_FILE, and none of them must do any harm on any page.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { DESKTOP, PHONE, isLive, tooWide, launch, visit } from "./harness/browser.mjs";
import { ROW_LINK } from "./harness/page.mjs";
import { network, output, until } from "./harness/programs.mjs";

const IDS = [
  "<script>alert(1)</script>",
  `"><img src=x onerror=alert(1)>`,
  "' onfocus='alert(1)' autofocus='",
  "</title></textarea></svg><svg onload=alert(1)>",
  "javascript:alert(1)",
  `"double" & 'single' &lt;`,
  "x".repeat(253),
  "ñ".repeat(126),
  "هوائي-الميناء",
  "\u202Egnp.htron",
  "a/b/../c",
  "..",
  "../../etc/passwd",
  "50%25?q=1&end=2#top",
  "two  spaces + a plus ",
  "=1+1",
];

// What is said of antennas: names, sites and labels. Letters that turn the direction of text are refused with the file.
const TEXTS = [
  "<script>alert(2)</script>",
  `"><img src=x onerror=alert(2)>`,
  "' onfocus='alert(2)' autofocus='",
  "</title></textarea></svg><svg onload=alert(2)>",
  `"double" & 'single' &lt;`,
  "x".repeat(64),
  "ñ".repeat(64),
  "موقع-الميناء",
  "two  spaces + a plus ",
  "=1+1",
];

// In a row around the antimeridian.
const entry = (id, n) => {
  const [text, east] = [JSON.stringify(TEXTS[n % TEXTS.length]), 170 + 1.5 * n];
  return [
    "[[antenna]]",
    `id = ${JSON.stringify(id)}`,
    `name = ${text}`,
    `site = ${text}`,
    `labels = { vendor = ${text} }`,
    `latitude = ${(n % 4) + 0.5}`,
    `longitude = ${(east > 180 ? east - 360 : east).toFixed(1)}`,
  ].join("\n");
};
const folder = join(output, `hostile-${process.pid}`);
mkdirSync(folder, { recursive: true });
const ANTENNAS_FILE = join(folder, "antennas.toml");
const SAID = IDS.filter((id) => !id.includes("\u202E"));
writeFileSync(ANTENNAS_FILE, SAID.map(entry).join("\n\n"));

// These make time pass: the status of an antenna also depends on the readings of others.
const ORDINARY = 2;

// Each is down in two consecutive intervals, so that it is among the worst and has an incident.
const PACKETS = { packets: "100", loss: "100", latency: "12.5" };
const INTERVAL_MS = 60_000;

const [real, browser] = await Promise.all([network({ antennas: ORDINARY, settings: { ANTENNAS_FILE } }), launch()]);
after(async () => {
  await browser.close();
  await real.end();
});

await Promise.all(IDS.map((id) => publish(id, PACKETS, Date.now() - INTERVAL_MS)));
await Promise.all(IDS.map((id) => publish(id, PACKETS, Date.now())));
await publish(IDS[0], { ...PACKETS, packets: IDS[1] }, Date.now());
await until("analytics has counted every id", async () => {
  const { total } = await real.ask("/api/v1/antennas");
  const { totals } = await real.ask("/api/v1/pipeline");
  return total === IDS.length + ORDINARY && totals.rejected.bad_packets === 1;
});

function publish(id, fields, time) {
  const reading = { antenna_id: id, timestamp: String(time / 1_000), ...fields };
  return real.redisCli("XADD", "antenna_stream", "*", ...Object.entries(reading).flat());
}

const open = (path, options, use) =>
  visit(browser, real.url + path, options, async (page, response) => {
    await use(page, response);
    // Live updates are just as harmless.
    if (await page.locator("#app[data-live]").count()) await isLive(page);
    const scripts = await page.evaluate(() => [...document.scripts].map((script) => script.src || script.textContent));
    assert.deepEqual(
      scripts.filter((source) => !source.startsWith(`${real.url}/assets/`)),
      [],
    );
    const handlers = "[onerror], [onload], [onfocus], [autofocus], img[src='x']";
    assert.equal(await page.locator(handlers).count(), 0);
    assert.deepEqual(await tooWide(page), []);
  });

for (const path of ["/", "/antennas", "/incidents", "/map", "/pipeline"]) {
  for (const [screen, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    test(`ids do no harm on ${path} on a ${screen}`, () =>
      open(path, size, async (page, response) => {
        assert.equal(response.status(), 200);
        await page.waitForFunction(
          (ids) => ids.some((id) => document.querySelector("main").textContent.includes(id)),
          IDS,
        );
      }));
  }
}

test("every id is shown as it is, apart from its neighbours, and leads to its own page", () =>
  open("/antennas", {}, async (page) => {
    const links = await page.locator(ROW_LINK).evaluateAll((links) =>
      links.map((link) => ({
        id: link.textContent,
        to: new URL(link.href).searchParams.get("id"),
        isIsolated: Boolean(link.closest("bdi") ?? link.querySelector("bdi")),
      })),
    );
    const hostile = links.filter(({ id }) => !id.startsWith("antenna-"));
    assert.deepEqual(hostile.map(({ id }) => id).sort(), [...IDS].sort());
    assert.ok(hostile.every(({ id, to, isIsolated }) => id === to && isIsolated));
  }));

for (const [screen, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  test(`sites are shown as they are called, apart from their neighbours, and lead to pages of their own on a ${screen}`, () =>
    open("/sites", size, async (page) => {
      const links = await page.locator('main tbody a[href^="/site?"]').evaluateAll((links) =>
        links.map((link) => ({
          name: link.textContent,
          to: new URL(link.href).searchParams.get("name"),
          isIsolated: Boolean(link.querySelector("bdi")),
        })),
      );
      assert.deepEqual(links.map(({ name }) => name).sort(), [...TEXTS].sort());
      assert.ok(links.every(({ name, to, isIsolated }) => name === to && isIsolated));
    }));

  for (const name of TEXTS) {
    test(`the site ${JSON.stringify(name.slice(0, 40))} has a page and incidents on a ${screen}`, async () => {
      await open(`/site?${new URLSearchParams({ name })}`, size, async (page, response) => {
        assert.equal(response.status(), 200);
        assert.equal(await page.locator("h1").textContent(), name);
        assert.equal(await page.locator(".antenna-map a.spot").count(), SAID.filter((_, n) => TEXTS[n % TEXTS.length] === name).length);
      });
      const query = new URLSearchParams({ site: name, label: `vendor:${name}`, window: "1h" });
      await open(`/incidents?${query}`, size, async (page) => {
        assert.ok((await page.locator(ROW_LINK).count()) > 0);
        assert.equal(await page.locator(".place [name=site]:not([type=hidden])").inputValue(), name);
      });
    });
  }
}

test("each antenna with a position is one mark on the map, whatever it is called, and leads to its page", () =>
  open("/map", {}, async (page) => {
    const marks = await page.locator(".antenna-map a.spot").evaluateAll((marks) =>
      marks.map((mark) => ({
        to: new URL(mark.getAttribute("href"), location).searchParams.get("id"),
        words: mark.getAttribute("aria-label"),
        x: mark.getBoundingClientRect().x,
      })),
    );
    assert.deepEqual(marks.map(({ to }) => to).sort(), [...SAID].sort());
    assert.ok(marks.every(({ to, words }) => words.startsWith(to)));
    // They are a row across the antimeridian, and not at both ends of the earth.
    const inOrder = SAID.map((id) => marks.find(({ to }) => to === id).x);
    assert.deepEqual(inOrder, [...inOrder].sort((a, b) => a - b));
  }));

for (const id of IDS) {
  test(`the antenna ${JSON.stringify(id.slice(0, 40))} has a page`, () =>
    open(`/antenna?${new URLSearchParams({ id })}`, PHONE, async (page, response) => {
      assert.equal(response.status(), 200);
      assert.ok((await page.locator("h1").textContent()).includes(id));
      assert.ok((await page.title()).length > 0);
    }));
}

test("the longest id widens no page, known or not", async () => {
  const id = "W".repeat(253);
  for (const [path, name] of [["/antenna", "id"], ["/antennas", "q"], ["/incidents", "q"], ["/nowhere", "id"]]) {
    for (const screen of [DESKTOP, PHONE]) {
      await open(`${path}?${new URLSearchParams({ [name]: id })}`, screen, () => undefined);
    }
  }
});

test("an id can be searched for, whatever it holds", async () => {
  for (const id of IDS) {
    await open(`/antennas?${new URLSearchParams({ q: id })}`, {}, async (page) => {
      const found = await page.locator(ROW_LINK).evaluateAll((links) => links.map((link) => link.textContent));
      assert.ok(found.includes(id), `${id} is not among ${found}`);
      assert.equal(await page.locator("#search").inputValue(), id);
    });
  }
});
