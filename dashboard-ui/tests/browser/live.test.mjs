// What happens while a page is open: updates and what they must preserve, interruptions and how the page recovers.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PHONE, isLive, launch, openStreams, updates, visit } from "./harness/browser.mjs";
import { AWAY, FIGURES, MENU, PERMALINK_MENU, ROWS, ROW_LINK, SEARCH } from "./harness/page.mjs";
import { mockDashboard, network } from "./harness/programs.mjs";

const [dashboard, browser] = await Promise.all([mockDashboard(), launch()]);
const real = await network({ antennas: 12 });
after(async () => {
  await browser.close();
  await Promise.all([dashboard.kill(), real.end()]);
});

const open = (path, use, options = {}) =>
  visit(browser, dashboard.url + path, { isAlone: true, ...options }, async (page) => {
    await isLive(page);
    await use(page);
  });

test("focus, scroll position and what is open survive updates", () =>
  open(
    "/antennas?sort=antenna_id",
    async (page) => {
      await page.locator(MENU).click();
      const link = page.locator(ROW_LINK).nth(8);
      await link.focus();
      await page.evaluate(() => scrollTo(0, 90));
      const state = () =>
        page.evaluate(() => ({
          focused: document.activeElement.textContent,
          isOpen: document.querySelector("#display").open,
          scroll: scrollY,
        }));
      const before = await state();
      assert.ok(before.isOpen && before.scroll > 0 && before.focused.length > 0, JSON.stringify(before));
      await updates(page, 3);
      assert.deepEqual(await state(), before);
    },
    { ...PHONE, viewport: { width: 390, height: 480 } },
  ));

test("selected text survives updates, in a text that changes too", () =>
  open("/", async (page) => {
    const select = (selector) =>
      page.evaluate((selector) => {
        const element = document.querySelector(selector);
        const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode();
        getSelection().setBaseAndExtent(text, 0, text, text.length);
        return text.nodeValue;
      }, selector);
    const selected = () => page.evaluate(() => String(getSelection()));
    const title = await select("h1");
    await updates(page, 2);
    assert.equal(await selected(), title);
    const time = await select("main time");
    await page.waitForFunction((before) => document.querySelector("main time").textContent !== before, time);
    assert.equal(await selected(), await page.locator("main time").first().textContent());
  }));

test("focus and selection stay with their antenna when rows change places, and go with it", () =>
  visit(browser, "about:blank", { isAlone: true }, async (page) => {
    await page.addInitScript(() => {
      window.EventSource = class extends EventTarget {
        constructor() {
          super();
          window.stream = this;
        }
        close() {}
      };
    });
    await page.goto(`${dashboard.url}/antennas`);
    // An update with the rows rearranged by `arrange`.
    const update = (arrange) =>
      page.evaluate((arrange) => {
        const next = document.getElementById("app").cloneNode(true);
        const rows = next.querySelector("main tbody");
        if (arrange === "first") rows.prepend(rows.children[3]);
        else rows.children[0].remove();
        window.stream.dispatchEvent(new MessageEvent("fragment", { data: next.innerHTML }));
      }, arrange);
    const state = () =>
      page.evaluate(() => ({
        focused: document.activeElement.textContent,
        row: document.activeElement.closest("tr")?.rowIndex,
        selected: String(getSelection()),
      }));
    const id = await page.locator(ROW_LINK).nth(3).textContent();
    await page.locator(ROW_LINK).nth(3).evaluate((link) => {
      link.focus();
      getSelection().selectAllChildren(link.firstElementChild);
    });
    assert.deepEqual(await state(), { focused: id, row: 4, selected: id });
    await update("first");
    assert.deepEqual(await state(), { focused: id, row: 1, selected: id });
    await update("gone");
    const { row, selected } = await state();
    assert.deepEqual({ row, selected }, { row: undefined, selected: "" });
  }));

test("a typed search shows its matches, and the caret stays while updates come", () =>
  open("/antennas", async (page) => {
    await page.locator(SEARCH).pressSequentially("harbour");
    await page.waitForURL(/[?&]q=harbour(&|$)/);
    await page.waitForFunction(
      (rows) => [...document.querySelectorAll(rows)].every((row) => row.textContent.includes("harbour")),
      ROWS,
    );
    assert.ok((await page.locator(ROWS).count()) > 0);
    await page.keyboard.press("ArrowLeft");
    await updates(page, 3);
    const input = await page.locator(SEARCH).evaluate((input) => ({
      isFocused: document.activeElement === input,
      value: input.value,
      caret: input.selectionStart,
    }));
    assert.deepEqual(input, { isFocused: true, value: "harbour", caret: 6 });
    assert.equal(await openStreams(page), 1);
  }));

test("what is typed and not yet sent survives updates", () =>
  open("/antennas", async (page) => {
    const type = (text) => page.locator(SEARCH).evaluate((input, text) => (input.value = text), text);
    await type("half a wo");
    await updates(page, 2);
    assert.equal(await page.locator(SEARCH).inputValue(), "half a wo");
  }));

test("Pause stops updates until it is pressed again", () =>
  open("/", async (page) => {
    const pause = page.locator("#pause");
    await pause.click();
    await page.waitForSelector('html[data-stream="paused"]', { state: "attached" });
    assert.equal(await openStreams(page), 0);
    assert.equal(await pause.getAttribute("aria-pressed"), "true");
    await pause.click();
    await isLive(page);
    assert.equal(await pause.getAttribute("aria-pressed"), "false");
    await updates(page, 2);
    assert.equal(await openStreams(page), 1);
  }));

test("a paused page takes what a search asks for, and stays paused", () =>
  open("/antennas", async (page) => {
    await page.locator("#pause").click();
    await page.locator(SEARCH).pressSequentially("harbour");
    await page.waitForFunction(
      (rows) => [...document.querySelectorAll(rows)].every((row) => row.textContent.includes("harbour")),
      ROWS,
    );
    await page.waitForSelector('html[data-stream="paused"]', { state: "attached" });
    assert.equal(await openStreams(page), 0);
    assert.equal(await page.locator("#pause").getAttribute("aria-pressed"), "true");
  }));

test("a hidden tab closes its stream and opens one when it is shown", () =>
  open("/", async (page) => {
    const turn = (isHidden) =>
      page.evaluate((isHidden) => {
        Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, isHidden);
    await turn(true);
    assert.equal(await openStreams(page), 0);
    await turn(false);
    assert.equal(await openStreams(page), 1);
    await updates(page, 2);
  }));

// What a page says in words and lists: lines move when an incident begins, ends or leaves the range, or an antenna comes to fare
// worse than another, and at no other time. Figures are no news.
const news = (page) =>
  page.evaluate(() => {
    const words = [...document.querySelectorAll("main .verdict")].map((it) => it.textContent.replace(/\d[\d.,:]*/g, "0"));
    const row = (row) => `${row.className} ${row.querySelector("a")?.textContent} ${row.querySelectorAll("li").length}`;
    return [...words, ...[...document.querySelectorAll("main tbody tr")].map(row)];
  });
// Ten updates in a row without such news come soon: the network has none for half a minute at a time.
const QUIET_MS = 120_000;

async function tenQuietUpdates(page) {
  const end = Date.now() + QUIET_MS;
  for (;;) {
    const before = JSON.stringify(await news(page));
    await page.evaluate(() => (window.seen.shifts = []));
    let isQuiet = true;
    for (let update = 0; update < 10 && isQuiet; update += 1) {
      await updates(page, 1);
      isQuiet = JSON.stringify(await news(page)) === before;
    }
    const shifts = await page.evaluate(() => window.seen.shifts);
    if (isQuiet || Date.now() > end) {
      return { shifts, isQuiet };
    }
  }
}

// A few at a time: a page that is late for want of a processor shows nothing.
test("nothing moves during ten updates", { concurrency: 6 }, (t) =>
  Promise.all(
    FIGURES.map(({ name, path }) =>
      t.test(`on the page ${name}`, () =>
        open(path, async (page) => {
          assert.deepEqual(await tenQuietUpdates(page), { shifts: [], isQuiet: true });
        }),
      ),
    ),
  ));

for (const lang of ["en", "es"]) {
  test(`the lines of the heading stay where they are, whatever the stream does and however little room there is (${lang})`, () =>
    open(`/?lang=${lang}`, async (page) => {
      for (const width of [320, 360, 390, 430, 560, 700, 860, 861, 1000, 1100, 1366]) {
        await page.setViewportSize({ width, height: 844 });
        const lines = await page.evaluate(() => {
          const root = document.documentElement;
          // The script sets the state anew when the stream tells something, so it is looked at within one task.
          const lines = ["live", "paused", "lost"].map((state) => {
            root.dataset.stream = state;
            return [...document.querySelectorAll(".heading > *")].map((part) => part.getBoundingClientRect().top);
          });
          root.dataset.stream = "live";
          return lines;
        });
        assert.deepEqual(lines, [lines[0], lines[0], lines[0]], `${width} px wide`);
      }
    }));
}

test("the theme and the zone are what was chosen, on the next page too", () =>
  open(
    "/",
    async (page) => {
      const pressed = () =>
        page
          .locator('#display [aria-pressed="true"]')
          .evaluateAll((buttons) => buttons.map(({ dataset }) => dataset.setTheme ?? dataset.setZone));
      const html = page.locator("html");
      await page.locator(MENU).click();
      await page.locator('[data-set-theme="dark"]').click();
      await page.locator('[data-set-zone="local"]').click();
      const isTokyo = () =>
        page.evaluate(() => {
          const times = [...document.querySelectorAll('time[data-form="time"]')];
          const inTokyo = (time) => new Date(Date.parse(time.dateTime) + 9 * 3_600_000).toISOString().slice(11, 19);
          const zones = [...document.querySelectorAll(".zone")].map((zone) => zone.textContent);
          const isEach = times.every((time) => time.textContent === inTokyo(time));
          return times.length > 0 && isEach && !zones.includes("UTC");
        });
      assert.ok(await isTokyo());
      await updates(page, 2);
      assert.ok(await isTokyo());
      assert.deepEqual(await pressed(), ["dark", "local"]);
      await page.reload();
      await page.waitForFunction(() => document.querySelector(".zone").textContent !== "UTC");
      assert.ok(await isTokyo());
      assert.equal(await html.getAttribute("data-theme"), "dark");
      await page.locator(MENU).click();
      await page.locator('[data-set-theme="system"]').click();
      await page.locator('[data-set-zone="utc"]').click();
      assert.equal(await html.getAttribute("data-theme"), null);
      assert.equal(await page.locator(".zone").first().textContent(), "UTC");
    },
    { timezoneId: "Asia/Tokyo" },
  ));

// Where clocks were set back in the night of 26 October 2025.
const MADRID = { timezoneId: "Europe/Madrid" };
const choose = async (page, zone) => {
  await page.locator(MENU).click();
  await page.locator(`[data-set-zone="${zone}"]`).click();
  await page.keyboard.press("Escape");
};

test("hours that clocks show twice have their offset, and titles and zones are local too", () =>
  open(
    "/",
    async (page) => {
      await page.locator("#pause").click();
      const texts = () => page.locator(".latency .axis-x time").allTextContents();
      await page.evaluate(() => {
        document.querySelectorAll(".latency .axis-x time").forEach((time, index) => {
          time.dateTime = new Date(Date.UTC(2025, 9, 26, 0, 30 * index)).toISOString();
          time.dataset.form = "minute";
        });
      });
      await choose(page, "local");
      assert.deepEqual(await texts(), ["02:00 +02:00", "02:30 +02:00", "02:00 +01:00", "02:30 +01:00", "03:00"]);
      const title = await page.locator(".latency .axis-x time").nth(1).getAttribute("title");
      assert.equal(title, "2025-10-26 02:30:00.000 +02:00");
      const text = await page.locator("main").evaluate((main) => main.outerHTML);
      assert.ok(!/\bUTC\b/.test(text), text.match(/.{80}\bUTC\b.{20}/)?.[0]);
      await choose(page, "utc");
      assert.deepEqual(await texts(), ["00:00", "00:30", "01:00", "01:30", "02:00"]);
    },
    MADRID,
  ));

test("the form of a range takes times of the chosen zone", () =>
  open(
    "/?window=15m",
    async (page) => {
      const from = page.locator('input[name="from"]');
      const to = page.locator('input[name="to"]');
      const send = async () => {
        await page.locator('#range button[type="submit"]').click();
        await page.waitForURL(/end=/);
        const { searchParams } = new URL(page.url());
        return [searchParams.get("window"), searchParams.get("end")];
      };
      await page.locator("#pause").click();
      await choose(page, "local");
      await page.locator("#range > summary").click();
      const end = Date.parse(`${await to.getAttribute("data-utc")}Z`);
      assert.equal(new Date(`${await to.inputValue()}Z`).getTime() - end, 9 * 3_600_000);
      assert.deepEqual(await send(), ["15m", new Date(end).toISOString().replace(".000Z", "Z")]);
      await page.locator("#range > summary").click();
      // A full minute has no seconds in the browser's own form.
      const later = new Date(end - 600_000 + 9 * 3_600_000).toISOString().slice(0, 19).replace(/:00$/, "");
      await from.fill(later);
      assert.equal((await send())[0], "10m");
    },
    { timezoneId: "Asia/Tokyo" },
  ));

test("on paper there are figures in light colours, and no controls", () =>
  open("/", async (page) => {
    await page.locator(MENU).click();
    await page.locator('[data-set-theme="dark"]').click();
    await page.emulateMedia({ media: "print" });
    const controls = page.locator(".top, .ranges, footer, .steps, .file, .all, .worst .segments");
    assert.equal(await controls.filter({ visible: true }).count(), 0);
    assert.ok(await page.locator(".verdict").isVisible());
    const colours = await page.locator(".tile").first().evaluate((card) => getComputedStyle(card).backgroundColor);
    assert.equal(colours, "rgb(255, 255, 255)");
    assert.ok((await page.pdf({ format: "A4" })).length > 20_000);
  }));

test("the permalink is copied, and leads to figures that stand still", () =>
  open(
    "/?window=15m",
    async (page) => {
      await page.locator(PERMALINK_MENU).first().click();
      const button = page.locator('[data-copy="link"]').first();
      await button.click();
      const said = await button.getAttribute("data-copied");
      await page.waitForFunction(
        (said) => [...document.querySelectorAll("[aria-live]")].some((element) => element.textContent === said),
        said,
      );
      const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
      assert.equal(link.origin, dashboard.url);
      assert.equal(link.searchParams.get("window"), "15m");
      assert.ok(Date.parse(link.searchParams.get("end")) > 0, link.href);
      const read = async () => {
        await page.goto(link.href);
        return page.locator("#steps tbody tr").allTextContents();
      };
      const times = (rows) => rows.map((row) => row.slice(0, "00:00:00".length));
      // The range is fixed at once. Its figures come to rest as soon as the readings of its newest step have all arrived,
      // which may have been on their way when the link was taken.
      const first = await read();
      let [before, after] = [first, await read()];
      for (let load = 0; load < 20 && before.join() !== after.join(); load += 1) {
        [before, after] = [after, await read()];
      }
      assert.ok(first.length > 1);
      assert.deepEqual(times(after), times(first));
      assert.deepEqual(after, before);
    },
    { permissions: ["clipboard-read", "clipboard-write"] },
  ));

test("the wall screen fills the screen without a new page, and Back leaves it", () =>
  open("/", async (page) => {
    await page.evaluate(() => (window.isSamePage = true));
    await page.locator(MENU).click();
    await page.locator("[data-wall]").first().click();
    await page.waitForURL(/[?&]wall=1/);
    await page.waitForFunction(() => document.fullscreenElement === document.documentElement);
    await updates(page, 2);
    assert.ok(await page.evaluate(() => window.isSamePage && document.documentElement.classList.contains("wall")));
    await page.goBack();
    await page.waitForFunction(() => !window.isSamePage && !document.documentElement.classList.contains("wall"));
  }));

test("a page adopts another release once", () =>
  visit(browser, dashboard.url, { isAlone: true }, async (page) => {
    await isLive(page);
    const body = "event: release\ndata: another\n\n";
    await page.route("**/live*/**", (route) => route.fulfill({ contentType: "text/event-stream", body }));
    await page.route("**/live*", (route) => route.fulfill({ contentType: "text/event-stream", body }));
    // A page may reload for the new release before it has fully loaded, so pages are counted when they are requested.
    const asked = [];
    page.on("request", (request) => request.isNavigationRequest() && asked.push(request.url()));
    await page.reload({ waitUntil: "commit" });
    // The stream is opened on the requested page, and on the one loaded for the release; there, the same release is
    // announced repeatedly.
    await page.waitForFunction(() => window.seen?.streams.length >= 3);
    assert.deepEqual(asked, [`${dashboard.url}/`, `${dashboard.url}/`]);
  }));

test("without storage, streams and zones the page shows its figures and its buttons work", () =>
  visit(browser, "about:blank", {}, async (page) => {
    await page.addInitScript(() => {
      delete window.EventSource;
      Object.defineProperty(window, "localStorage", { get: () => { throw new Error("forbidden"); } });
      Object.defineProperty(window, "sessionStorage", { get: () => { throw new Error("forbidden"); } });
      delete Intl.DateTimeFormat;
    });
    await page.goto(dashboard.url);
    await page.locator(MENU).click();
    await page.locator('[data-set-theme="dark"]').click();
    assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
    await page.locator('[data-set-zone="local"]').click();
    assert.match(await page.locator("main time").first().textContent(), /\d\d:\d\d/);
  }));

// A broken stream is an error in the console; these tests break it.
const excused = /ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)|status of 50/;

test("a dashboard that was killed and came back is found again, without a new page", () =>
  visit(browser, real.url, { excused }, async (page) => {
    await isLive(page);
    await page.evaluate(() => (window.isSamePage = true));
    await real.dashboard.kill();
    await page.waitForSelector('html[data-stream="lost"]', { state: "attached" });
    await real.dashboard.start();
    await isLive(page);
    await updates(page, 2);
    assert.ok(await page.evaluate(() => window.isSamePage));
  }));

test("while analytics is away the page says so, and goes on by itself when it is back", () =>
  visit(browser, real.url, { excused }, async (page) => {
    await isLive(page);
    await page.evaluate(() => (window.isSamePage = true));
    await real.analytics.kill();
    await page.waitForSelector(AWAY);
    await real.analytics.start();
    await page.waitForSelector(AWAY, { state: "detached" });
    await updates(page, 2);
    assert.ok(await page.evaluate(() => window.isSamePage));
  }));
