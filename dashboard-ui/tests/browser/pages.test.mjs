// Every page in both themes on both screens: accessible, without errors, no wider than the screen.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { DESKTOP, PHONE, isLive, tooWide, launch, visit } from "./harness/browser.mjs";
import { CLOSED, LOGIN, PAGES, address } from "./harness/page.mjs";
import { closedDashboard, mockDashboard, output, session } from "./harness/programs.mjs";

const SCREENS = { desktop: DESKTOP, phone: PHONE };

// Words that appear on no Spanish page: a text added without a translation most likely contains one.
const ENGLISH = [
  ..."the of and with for is are from all".split(" "),
  ..."antenna antennas packet lost latency healthy degraded silent reading readings delivered success".split(" "),
  ..."search pause theme light dark range worst overview incidents ago since last seen rows".split(" "),
];

const pictures = process.env.SCREENSHOTS ?? join(output, "screenshots");
mkdirSync(pictures, { recursive: true });

const [dashboard, closed] = await Promise.all([mockDashboard(), closedDashboard()]);
const operator = await session(closed, "ana");
const browser = await launch();
after(async () => {
  await browser.close();
  await Promise.all([dashboard.kill(), closed.kill()]);
});

/** Each page, with the dashboard that has it and what a browser keeps that sees it. */
const SHOWN = [
  ...PAGES.map((page) => ({ ...page, url: dashboard.url, kept: {} })),
  { ...LOGIN, url: closed.url, kept: {} },
  ...CLOSED.map((page) => ({ ...page, url: closed.url, kept: operator })),
];

// A visit is mostly waiting, so two at a time take little longer than one.
describe("pages", { concurrency: 2 }, () => {
  for (const { name, path, status, url, kept } of SHOWN) {
    for (const colorScheme of ["light", "dark"]) {
      for (const [screen, size] of Object.entries(SCREENS)) {
        test(`the page ${name} is sound in ${colorScheme} on a ${screen}`, () =>
          visit(browser, url + path, { ...size, ...kept, colorScheme }, async (page, response) => {
            assert.equal(response.status(), status);
            await isSettled(page);
            // axe only checks the size of targets on request.
            const axe = new AxeBuilder({ page }).options({ rules: { "target-size": { enabled: true } } });
            const { violations } = await axe.setLegacyMode().analyze();
            assert.deepEqual(violations.map(told), []);
            assert.deepEqual(await tooWide(page), [], "nothing scrolls sideways");
            await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${screen}.png`), fullPage: true });
          }));
      }
    }

    test(`the page ${name} is wholly Spanish where Spanish is asked for`, () =>
      visit(browser, address(url + path, { lang: "es" }), kept, async (page) => {
        assert.equal(await page.locator("html").getAttribute("lang"), "es");
        await isSettled(page);
        const words = new Set((await texts(page)).toLowerCase().match(/[\p{L}_]+/gu));
        assert.deepEqual(
          ENGLISH.filter((word) => words.has(word)),
          [],
        );
        await page.screenshot({ path: join(pictures, `${name}-es.png`), fullPage: true });
      }));
  }
});

test("the browser's language is the page's, and the page can be switched to the other and back", () =>
  visit(browser, dashboard.url, { locale: "es-AR" }, async (page) => {
    const language = () => page.locator("html").getAttribute("lang");
    assert.equal(await language(), "es");
    for (const other of ["en", "es"]) {
      await page.locator("#display > summary").click();
      await page.locator(`a[hreflang="${other}"]`).click();
      await page.waitForSelector(`html[lang="${other}"]`, { state: "attached" });
    }
  }));

// A page without figures never becomes live.
async function isSettled(page) {
  if (await page.locator("#app[data-live]").count()) await isLive(page);
}

function told({ id, nodes }) {
  return `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`;
}

// Everything that is read or spoken, except text marked as another language, antenna ids, and paths, which are of no language.
function texts(page) {
  return page.evaluate(() => {
    const body = document.body.cloneNode(true);
    for (const other of body.querySelectorAll("[lang], [hreflang], [translate=no], bdi, code, script")) other.remove();
    const attributes = ["aria-label", "title", "placeholder", "alt", "data-label", "data-copied"];
    const spoken = (element) => attributes.map((name) => element.getAttribute(name));
    const parts = [...body.querySelectorAll("*")].flatMap(spoken);
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) parts.push(walker.currentNode.nodeValue);
    return [document.title.replace(/\/\S+/g, ""), ...parts].join("\n");
  });
}

for (const antennas of [12, 2000]) {
  test(`with ${antennas} antennas, a phone's first screen says what is wrong, since when, where, and whether it gets worse`, async () => {
    const network = await mockDashboard({ MOCK_ANTENNAS: `${antennas}` });
    try {
      await visit(browser, network.url, PHONE, async (page) => {
        for (const selector of [".verdict .sentence", ".verdict .since", ".verdict .who li:last-child", ".verdict .detail"]) {
          const { y, height } = await page.locator(selector).boundingBox();
          assert.ok(y + height <= PHONE.viewport.height, `${selector} ends at ${y + height} px`);
        }
        assert.match(await page.locator(".verdict .since").innerText(), /in trouble · since .* began in 15 min, \d+ ended/);
        const [link] = await page.locator('.who a[href^="/antennas?status="]').all();
        const number = (await link.innerText()).replace(/\D/g, "");
        await link.click();
        await page.waitForURL("**/antennas?status=*");
        assert.equal((await page.locator(".found [role=status]").innerText()).replace(/\D/g, ""), number);
      });
    } finally {
      await network.kill();
    }
  });
}
