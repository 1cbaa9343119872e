// Light and dark: a theme is the same whether the system asks for it or the viewer has chosen it against the system.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { isLive, launch, visit } from "./harness/browser.mjs";
import { MENU } from "./harness/page.mjs";
import { mockDashboard } from "./harness/programs.mjs";

const SCHEMES = ["light", "dark"];

const dashboard = await mockDashboard();
const browser = await launch();
after(async () => {
  await browser.close();
  await dashboard.kill();
});

// The page in a theme that the viewer has chosen, or the system's where none is named.
const open = (colorScheme, chosen, use) =>
  visit(browser, dashboard.url, { colorScheme }, async (page) => {
    await isLive(page);
    if (chosen) {
      await page.locator(MENU).click();
      await page.locator(`[data-set-theme="${chosen}"]`).click();
      await page.keyboard.press("Escape");
    }
    return use(page);
  });

// The colours of what does not change with the figures.
const colours = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll("html, body, .card, .brand, .pages a, .controls > *, footer")].map((element) => {
      const { color, backgroundColor, borderTopColor, boxShadow } = getComputedStyle(element);
      return { element: element.className || element.tagName, color, backgroundColor, borderTopColor, boxShadow };
    }),
  );

const background = (page, selector) =>
  page.locator(selector).evaluate((element) => getComputedStyle(element).backgroundColor);

const expected = {};
before(async () => {
  for (const scheme of SCHEMES) expected[scheme] = await open(scheme, undefined, colours);
});

test("the two themes are not the same", () => assert.notDeepEqual(expected.light, expected.dark));

for (const system of SCHEMES) {
  for (const chosen of [undefined, ...SCHEMES]) {
    const theme = chosen ?? system;
    test(`a ${system} system and ${chosen ? `${chosen} chosen` : "nothing chosen"} give the ${theme} theme`, () =>
      open(system, chosen, async (page) => {
        assert.deepEqual(await colours(page), expected[theme]);
        const [tab, bar] = [await background(page, ".pages a[aria-current]"), await background(page, ".top")];
        assert.ok(tab !== bar && tab !== "rgba(0, 0, 0, 0)", `the active tab is ${tab} on ${bar}`);
        const { violations } = await new AxeBuilder({ page }).withRules(["color-contrast"]).setLegacyMode().analyze();
        assert.deepEqual(violations.map(({ nodes }) => nodes.map(({ html }) => html)), []);
      }));
  }
}

test("a chosen theme is there from the first paint of the next page", () =>
  open("light", "dark", async (page) => {
    await page.reload();
    assert.equal(await page.locator("html").evaluate((root) => getComputedStyle(root).colorScheme), "dark");
    assert.deepEqual((await colours(page))[0], expected.dark[0]);
  }));
