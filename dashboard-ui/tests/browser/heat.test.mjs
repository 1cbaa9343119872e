// The heat map: every label stands beside its row.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isLive, launch, visit } from "./harness/browser.mjs";
import { mockDashboard } from "./harness/programs.mjs";

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
          cut: [...document.querySelectorAll(".map-labels bdi")].filter((id) => id.scrollWidth > id.clientWidth + 1).length,
        }));
        assert.deepEqual([across, down], [width, height]);
        assert.ok(end <= height && end > height * 0.97, `the last card ends at ${end} px`);
        assert.equal(cut, 0);
        const { worst } = await distances(page);
        assert.ok(worst <= OFF_PX * (width / 1920), `${worst} px off`);
      }));
  }
}
