// The heat map: every label stands beside its row.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isLive, launch, PHONE, updates, visit } from "./harness/browser.mjs";
import { PLOT } from "./harness/page.mjs";
import { mockDashboard, network, until } from "./harness/programs.mjs";

const WIDTHS = [390, 768, 1100, 1440, 1920, 2560, 3840];
const OFF_PX = 1;

const sizes = [12, 200, 10_000];
const started = sizes.map((antennas) => mockDashboard({ MOCK_ANTENNAS: `${antennas}` }));
const [browser, ...dashboards] = await Promise.all([launch(), ...started]);
after(async () => {
  await browser.close();
  await Promise.all(dashboards.map((dashboard) => dashboard.kill()));
});

// How far each label is from its row, and the number of rows.
const distances = (page) =>
  page.evaluate(() => {
    const picture = document.querySelector(".map svg");
    const { d: height, f: top } = picture.getScreenCTM();
    const off = [...document.querySelectorAll(".map-labels li")].flatMap((label, row) => {
      const box = label.getBoundingClientRect();
      return [Math.abs(box.top - (top + row * height)), Math.abs(box.bottom - (top + (row + 1) * height))];
    });
    return { worst: Math.max(...off), rows: off.length / 2, inBox: picture.viewBox.baseVal.height };
  });

for (const [index, antennas] of sizes.entries()) {
  for (const window of ["30s", "2m", "5m", "1h"]) {
    test(`${antennas} antennas over ${window}: every label is beside its row, at any width in any theme`, () =>
      visit(browser, `${dashboards[index].url}/?window=${window}`, {}, async (page) => {
        await isLive(page);
        await page.locator("#pause").click();
        for (const isWall of [false, true]) {
          await page.evaluate((isWall) => document.documentElement.classList.toggle("wall", isWall), isWall);
          for (const [turn, width] of WIDTHS.entries()) {
            await page.emulateMedia({ colorScheme: turn % 2 ? "dark" : "light" });
            await page.setViewportSize({ width, height: 1080 });
            const { worst, rows, inBox } = await distances(page);
            assert.equal(rows, inBox);
            assert.ok(rows === Math.min(antennas, 24), `${rows} rows`);
            assert.ok(worst <= OFF_PX, `${worst} px off at ${width} px${isWall ? " on a wall" : ""}`);
          }
        }
      }));
  }
}

// How far a colour is from another, in OKLab (Ottosson, 2020), in which equal distances look equal.
function distance(one, other) {
  const [a, b] = [one, other].map((colour) => {
    const [red, green, blue] = colour.match(/[\d.]+/g).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const long = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
    const medium = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
    const short = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
    return [
      0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short,
      1.9779984951 * long - 2.428592205 * medium + 0.4505937099 * short,
      0.0259040371 * long + 0.7827717662 * medium - 0.808675766 * short,
    ];
  });
  return Math.hypot(...a.map((part, index) => part - b[index]));
}

for (const colorScheme of ["light", "dark"]) {
  test(`in ${colorScheme}, what is worse stands out more`, () =>
    visit(browser, dashboards[0].url, { colorScheme }, async (page) => {
      const [card, ...heats] = await page.evaluate(() => {
        const of = (selector) => getComputedStyle(document.querySelector(selector)).backgroundColor;
        return [".heatmap", ...["well", "fair", "degraded", "bad", "down"].map((heat) => `.legend .key.heat-${heat}`)].map(of);
      });
      const fromCard = heats.map((heat) => distance(heat, card));
      assert.deepEqual(fromCard, [...fromCard].sort((a, b) => a - b), `${fromCard}`);
      heats.slice(1).forEach((heat, index) => assert.ok(distance(heat, heats[index]) > 0.08, `${heat} ${heats[index]}`));
    }));
}

test("the taller map is in line too", () =>
  visit(browser, `${dashboards[2].url}/?heatmap=tall&window=2m`, {}, async (page) => {
    const { worst, rows } = await distances(page);
    assert.equal(rows, 120);
    assert.ok(worst <= OFF_PX, `${worst} px off`);
  }));

for (const [width, height] of [[1920, 1080], [2560, 1440], [3840, 2160]]) {
  for (const [index, antennas] of sizes.entries()) {
    test(`${antennas} antennas fill a wall of ${width} x ${height} without scrolling, ids are whole and in line`, () =>
      visit(browser, `${dashboards[index].url}/?wall=1`, { viewport: { width, height } }, async (page) => {
        const { across, down, end, cut } = await page.evaluate(() => ({
          across: document.documentElement.scrollWidth,
          down: document.documentElement.scrollHeight,
          end: Math.max(...[...document.querySelectorAll("main .card")].map((card) => card.getBoundingClientRect().bottom)),
          cut: [...document.querySelectorAll(".map-labels bdi, .map-labels bdi span")].filter((id) => id.scrollWidth > id.clientWidth + 1).length,
        }));
        assert.deepEqual([across, down], [width, height]);
        assert.ok(end <= height && end > height * 0.97, `the last card ends at ${end} px`);
        assert.equal(cut, 0);
        const { worst } = await distances(page);
        assert.ok(worst <= OFF_PX * (width / 1920), `${worst} px off`);
      }));
  }
}

for (const [width, height] of [[1100, 800], [1600, 860], [1366, 900], [1100, 1000]]) {
  for (const language of ["en", "es"]) {
    test(`on a wall of ${width} x ${height} nothing is cut and no label touches another (${language})`, () =>
      visit(browser, `${dashboards[1].url}/?wall=1&lang=${language}`, { viewport: { width, height } }, async (page) => {
        const { across, down, end, rows, touching } = await page.evaluate(() => {
          const isShown = (element) => element.getClientRects().length && getComputedStyle(element).visibility !== "hidden";
          // The text itself: boxes of lines are higher than letters are.
          const text = (element) => {
            const range = document.createRange();
            range.selectNodeContents(element);
            const { left, right, top, bottom } = range.getBoundingClientRect();
            const size = Number.parseFloat(getComputedStyle(element).fontSize);
            const middle = (top + bottom) / 2;
            return { left, right, top: middle - size / 2, bottom: middle + size / 2, words: element.textContent };
          };
          const touches = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
          const groups = [".map-labels bdi, .map-labels .of", ".axis-x time", ".cards.incidents time, .cards.incidents strong, .cards.incidents small, .cards.incidents .strong"];
          const texts = groups.map((group) => [...document.querySelectorAll(`main :is(${group})`)].filter(isShown).map(text));
          const pairs = (all) => all.flatMap((a, index) => all.slice(index + 1).filter((b) => touches(a, b)).map((b) => `${a.words} ${b.words}`));
          return {
            across: document.documentElement.scrollWidth,
            down: document.documentElement.scrollHeight,
            end: Math.max(...[...document.querySelectorAll("main .card, main .map-labels li")].map((part) => part.getBoundingClientRect().bottom)),
            rows: texts[0].length,
            touching: texts.flatMap(pairs),
          };
        });
        assert.deepEqual(touching, []);
        assert.equal(rows, 24);
        assert.deepEqual([across, down], [width, height]);
        assert.ok(end <= height && end > height * 0.97, `the last card ends at ${end} px`);
        const { worst } = await distances(page);
        assert.ok(worst <= OFF_PX, `${worst} px off`);
      }));
  }
}

// The middle of a cell of the map.
const cellAt = (page, row, step) =>
  page.evaluate(
    ([row, step]) => {
      const picture = document.querySelector(".map svg");
      picture.scrollIntoView({ block: "center" });
      const [box, { width, height }] = [picture.getBoundingClientRect(), picture.viewBox.baseVal];
      return { x: box.left + (box.width * (step + 0.5)) / width, y: box.top + (box.height * (row + 0.5)) / height };
    },
    [row, step],
  );

// What the crosshair tells: names and values.
const told = (page) =>
  page.evaluate(() => {
    const tip = [...document.querySelectorAll(".overlay:not([hidden]) .tip")].at(-1);
    return tip && [...tip.querySelectorAll("dt, dd")].map((part) => part.textContent);
  });

const start = (page, step) =>
  page.evaluate((step) => {
    const { start, step: length } = document.querySelector(".map").dataset;
    return Number(start) + step * Number(length);
  }, step);

// A window that has ended stays as it is.
const ended = (dashboard) => {
  const end = new Date(Date.now() - 120_000).toISOString().slice(0, 19);
  return `${dashboard.url}/?window=15m&end=${end}Z`;
};

test("a crosshair tells antenna, time, loss and latency of a cell, and a click leads to the antenna at that time", () =>
  visit(browser, ended(dashboards[0]), {}, async (page) => {
    const [row, step] = [3, 20];
    const { x, y } = await cellAt(page, row, step);
    await page.mouse.move(x, y);
    const time = await start(page, step);
    const id = await page.locator(".map-labels li").nth(row).locator("bdi").textContent();
    const [name, at, loss, share, mean, latency] = await told(page);
    assert.deepEqual([name, at, loss, mean], [id, new Date(time).toISOString().slice(11, 19), "Loss", "Mean"]);
    assert.match(share, /^\d+\.\d\d\u202f%$|^–$/);
    assert.match(latency, /^\d+\u202fms$|^–$/);
    // The lines cross in the cell.
    const lines = await page.evaluate(() =>
      [...document.querySelectorAll(".overlay:not([hidden]) .crosshair")].map((line) => {
        const { left, top, right, bottom } = line.getBoundingClientRect();
        return [left, right, top, bottom];
      }),
    );
    assert.ok(lines.some(([left, right]) => Math.abs(left - x) < 2 && right - left < 2), `${lines}`);
    assert.ok(lines.some(([, , top, bottom]) => Math.abs(top - y) < 2 && bottom - top < 2), `${lines}`);
    await page.mouse.click(x, y);
    await page.waitForURL(/antenna/);
    const there = new URL(page.url()).searchParams;
    const end = Date.parse(there.get("end"));
    assert.equal(there.get("id"), id);
    const length = Number.parseInt(there.get("window"), 10) * 1_000;
    assert.ok(end - length <= time && time < end, `${page.url()} holds ${time}`);
    assert.equal(await page.locator("h1").textContent(), id);
  }));

test("beside the map there is no crosshair, and a label leads to its antenna over the range of the page", () =>
  visit(browser, ended(dashboards[0]), {}, async (page) => {
    const { x, y } = await cellAt(page, 1, 5);
    await page.mouse.move(x, y);
    assert.ok(await told(page));
    const label = page.locator(".map-labels li a").nth(1);
    await label.locator("bdi").hover();
    assert.equal(await told(page), undefined);
    const here = new URL(page.url()).searchParams;
    const there = new URL(await label.getAttribute("href"), page.url()).searchParams;
    assert.deepEqual([there.get("window"), there.get("end")], [here.get("window"), here.get("end")]);
    await page.mouse.move(5, 5);
    assert.equal(await told(page), undefined);
  }));

test("a row that stands for a group leads to its antennas in their list, wherever in the map it is touched", () =>
  visit(browser, ended(dashboards[2]), {}, async (page) => {
    const groups = page.locator(".map-labels li.group a");
    assert.ok((await groups.count()) >= 10);
    const [row, href] = await groups.first().evaluate((link) => [[...document.querySelectorAll(".map-labels li")].indexOf(link.closest("li")), link.getAttribute("href")]);
    const name = await groups.first().textContent();
    const status = /(healthy|degraded|down|silent),/.exec(name)[1];
    const there = new URL(href, page.url());
    assert.deepEqual([there.pathname, there.searchParams.get("status"), there.searchParams.get("sort")], ["/antennas", status, "packets_lost"]);
    const { x, y } = await cellAt(page, row, 3);
    await page.mouse.move(x, y);
    assert.ok(await told(page));
    assert.equal(await groups.first().getAttribute("href"), href, "it is the group of the page's range");
    await page.mouse.click(x, y);
    await page.waitForURL(/antennas/);
    const statuses = await page.locator(".antennas tbody .pill").allTextContents();
    assert.ok(statuses.length > 0 && statuses.every((text) => text.toLowerCase() === status), `${statuses}`);
  }));

test("without JavaScript, a row of the map leads to its antenna", () =>
  visit(browser, ended(dashboards[0]), { javaScriptEnabled: false }, async (page) => {
    const label = page.locator(".map-labels li a").nth(2);
    const id = await label.locator("bdi").textContent();
    await label.scrollIntoViewIfNeeded();
    const [picture, row] = [await page.locator(".map svg").boundingBox(), await label.boundingBox()];
    await page.mouse.click(picture.x + picture.width / 2, row.y + row.height / 2);
    await page.waitForURL(/antenna/);
    assert.equal(new URL(page.url()).searchParams.get("id"), id);
  }));

test("arrow keys walk rows and steps, tell each, and Enter leads to the antenna at that time", () =>
  visit(browser, ended(dashboards[2]), {}, async (page) => {
    const focused = () => page.evaluate(() => [...document.querySelectorAll(".map-labels li")].indexOf(document.activeElement.closest("li")));
    const last = (await page.evaluate(() => Number(document.querySelector(".map").dataset.steps))) - 1;
    await page.locator(".map-labels li a").first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), 2);
    assert.equal(await told(page), undefined, "no step has been chosen");
    for (const [key, step] of [["ArrowLeft", last], ["ArrowLeft", last - 1], ["Home", 0], ["ArrowRight", 1], ["End", last], ["ArrowRight", last]]) {
      await page.keyboard.press(key);
      const at = new Date(await start(page, step)).toISOString().slice(11, 19);
      assert.equal((await told(page))[1], at, key);
    }
    // Rows that stand for groups are walked too.
    for (let row = 3; row < 24; row += 1) {
      await page.keyboard.press("ArrowDown");
      assert.equal(await focused(), row);
    }
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), 23);
    assert.match((await told(page))[0], /antennas?|healthy|degraded|down|silent/);
    assert.equal(await page.locator(".overlay:not([hidden]) [role=status]").getAttribute("aria-live"), "polite");
    for (let row = 22; row >= 0; row -= 1) await page.keyboard.press("ArrowUp");
    assert.equal(await focused(), 0);
    const id = (await told(page))[0];
    await page.keyboard.press("Enter");
    await page.waitForURL(/antenna/);
    const there = new URL(page.url()).searchParams;
    assert.equal(there.get("id"), id);
    assert.ok(there.get("end"));
  }));

test("a screen reader is told the story of each row, and Escape ends the crosshair", () =>
  visit(browser, ended(dashboards[2]), {}, async (page) => {
    const stories = await page.locator(".map-labels li").allTextContents();
    assert.equal(stories.length, 24);
    for (const story of stories) assert.match(story, /, (Healthy|Degraded|Down|Silent)\. \d+ steps: \d+ degraded, \d+ down, .*\d+ without data$/);
    await page.locator(".map-labels li a").first().focus();
    await page.keyboard.press("End");
    assert.ok(await told(page));
    await page.keyboard.press("Escape");
    assert.equal(await told(page), undefined);
    assert.doesNotMatch(await page.locator(".map-labels li a").first().getAttribute("href"), /window=300s/);
  }));

test("an update leaves the crosshair at its cell", () =>
  visit(browser, `${dashboards[0].url}/?window=15m`, {}, async (page) => {
    await isLive(page);
    await page.locator(".map-labels li a").nth(4).focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    const before = await told(page);
    await updates(page, 2);
    assert.equal((await told(page))[1], before[1]);
    assert.match(await page.locator(".map-labels li a").nth(4).getAttribute("href"), /end=/);
  }));

test("on a phone a tap leads to the antenna at that time, and every row is 44 px high", () =>
  visit(browser, ended(dashboards[1]), PHONE, async (page) => {
    const heights = await page.evaluate(() => [...document.querySelectorAll(".map-labels a, .map-labels li")].map((row) => row.getBoundingClientRect().height));
    assert.ok(Math.min(...heights) >= 44, `${heights}`);
    const { worst } = await distances(page);
    assert.ok(worst <= OFF_PX, `${worst} px off`);
    const { x, y } = await cellAt(page, 2, 30);
    const time = await start(page, 30);
    await page.touchscreen.tap(x, y);
    await page.waitForURL(/antenna/);
    const there = new URL(page.url()).searchParams;
    const end = Date.parse(there.get("end"));
    assert.ok(end - Number.parseInt(there.get("window"), 10) * 1_000 <= time && time < end, page.url());
  }));

test("ids that only differ at their ends are told apart on a phone, and outages of seconds split cells of any step", async () => {
  const names = ["a", "b", "c"].map((end) => `antenna-of-the-northern-district-with-a-long-name-${end}`);
  const real = await network({ antennas: 1 });
  const rows = (page) => page.waitForFunction(() => document.querySelectorAll(".map-labels li").length === 4);
  try {
    // Ten minutes with a reading in each pane: one antenna is down for twenty seconds, another loses a packet now and then.
    const now = Math.floor(Date.now() / 1_000);
    for (let ago = 600; ago > 0; ago -= 5) {
      for (const [index, name] of names.entries()) {
        const loss = index === 0 && ago > 300 && ago <= 320 ? 10 : index === 1 && ago % 60 === 0 ? 1 : 0;
        const reading = ["antenna_id", name, "timestamp", `${now - ago}`, "packets", "10", "loss", `${loss}`, "latency", "20"];
        await real.redisCli("XADD", "antenna_stream", "*", ...reading);
      }
    }
    await visit(browser, `${real.url}/?window=1h`, PHONE, async (page) => {
      await rows(page);
      const shown = await page.evaluate(() => {
        const { right } = document.querySelector(".map-labels").getBoundingClientRect();
        return [...document.querySelectorAll(".map-labels bdi")].map((id) => {
          const [head, tail] = id.querySelectorAll("span");
          const isCut = tail && head.scrollWidth > head.clientWidth;
          return { id: id.textContent, tail: tail?.textContent, isCut, isIn: tail?.getBoundingClientRect().right <= right + 1 };
        });
      });
      const long = shown.filter(({ id }) => names.includes(id));
      assert.equal(new Set(long.map(({ tail }) => tail)).size, 3);
      assert.ok(long.every(({ isCut, isIn }) => isCut && isIn), JSON.stringify(shown));
    });
    for (const window of ["15m", "1h"]) {
      await visit(browser, `${real.url}/?window=${window}`, {}, async (page) => {
        await rows(page);
        await page.locator("#pause").click();
        const { splits, stories } = await page.evaluate(() => {
          const path = document.querySelector(".map svg path.split")?.getAttribute("d") ?? "";
          return {
            splits: [...path.matchAll(/M(\d+) (\d+)/g)].map(([, step, row]) => [Number(row), Number(step)]),
            stories: [...document.querySelectorAll(".map-labels li")].map((row) => row.textContent),
          };
        });
        const of = (name) => splits.filter(([row]) => stories[row].startsWith(name));
        assert.equal(of(names[0]).length, 1, `${window}: ${splits} ${stories}`);
        assert.deepEqual(names.slice(1).flatMap(of), [], "a lost packet of ten is no outage");
        const [[row, step]] = of(names[0]);
        assert.match(stories[row], /, [12] down in part, /);
        const { x, y } = await cellAt(page, row, step);
        await page.mouse.move(x, y);
        assert.deepEqual((await told(page)).slice(-2), ["Antennas down in part", "1"]);
      });
    }
  } finally {
    await real.end();
  }
});

test("antennas that report every 15 s have steps of 15 s, in which none of them looks silent; one that reports each second has its own", async () => {
  const names = ["east", "north", "west"];
  const real = await network({ antennas: 1 });
  const told = (page, selector) => page.locator(selector).evaluateAll((parts) => parts.map((part) => part.getAttribute("aria-label") ?? part.textContent));
  const isWhole = (story) => /\b(\d+) (steps: 0 degraded, 0 down, 0 without data)$/.exec(story)?.[1];
  const steps = (page) => page.locator(PLOT).evaluateAll((plots) => plots.map((plot) => plot.dataset.step));
  try {
    const now = Math.floor(Date.now() / 1_000);
    for (let ago = 600; ago >= 0; ago -= 1) {
      const name = names[((now - ago) % 15) / 5];
      if (!name) continue;
      const reading = ["antenna_id", name, "timestamp", `${now - ago}`, "packets", "10", "loss", "0", "latency", "20"];
      await real.redisCli("XADD", "antenna_stream", "*", ...reading);
    }
    const rows = async () => (await real.ask("/api/v1/antennas")).antennas;
    await until("all antennas have reported twice", async () => (await rows()).filter((row) => row.interval_seconds !== null).length === 4);
    const own = (await rows()).map(({ antenna_id: id }) => id).find((id) => !names.includes(id));
    // A window of whole steps that has ended.
    const past = `window=5m&end=${new Date((now - 60 - (now % 60)) * 1_000).toISOString().slice(0, 19)}Z`;
    await visit(browser, `${real.url}/?${past}`, {}, async (page) => {
      const stories = await told(page, ".map-labels li");
      assert.deepEqual(stories.filter((story) => names.some((name) => story.startsWith(name))).map(isWhole), ["20", "20", "20"]);
      assert.deepEqual(new Set(await steps(page)), new Set(["15000"]));
    });
    await visit(browser, `${real.url}/antennas?${past}`, {}, async (page) => {
      const strips = await told(page, ".antennas .strip");
      assert.deepEqual(strips.map(isWhole).filter(Boolean), ["20", "20", "20"]);
    });
    for (const [id, step] of [["east", "15000"], [own, "5000"]]) {
      await visit(browser, `${real.url}/antenna?id=${id}&${past}`, {}, async (page) => {
        assert.deepEqual(new Set(await steps(page)), new Set([step]), id);
      });
    }
  } finally {
    await real.end();
  }
});
