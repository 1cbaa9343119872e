// The public status page: sound, in both languages, on a phone, without a script, with real programs behind it.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { DESKTOP, PHONE, launch, tooWide, visit } from "./harness/browser.mjs";
import { mockDashboard, network, output, until } from "./harness/programs.mjs";

// A name of 64 characters without a space, one that is markup, and one of which nothing is heard.
const LONG = "W".repeat(64);
const SITES = { "antenna-0000": LONG, "antenna-0001": "<b>Coast</b> & hills", nobody: "Unheard" };

const folder = join(output, `antennas-${process.pid}`);
mkdirSync(folder, { recursive: true });
const file = join(folder, "antennas.toml");
const entry = ([id, name]) => `[[antenna]]\nid = ${JSON.stringify(id)}\npublic = ${JSON.stringify(name)}\n`;
writeFileSync(file, Object.entries(SITES).map(entry).join(""));

const [real, empty, browser] = await Promise.all([
  network({ antennas: 4, settings: { ANTENNAS_FILE: file }, page: { STATUS: "on" } }),
  mockDashboard({ STATUS: "on" }),
  launch(),
]);
after(async () => {
  await browser.close();
  await Promise.all([real.end(), empty.kill()]);
});
await until("both sites are known", async () => {
  const { sites } = await real.ask("/api/v1/status");
  return sites.filter(({ state }) => state !== "no_data").length === 2;
});
// The dashboard asks again after some seconds.
await until("the page knows them", async () => (await (await fetch(`${real.url}/status`)).text()).split("no data").length <= 3);

for (const [name, url] of Object.entries({ sites: real.url, nothing: empty.url })) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [screen, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
      test(`the status page with ${name} is sound in ${colorScheme} on a ${screen}`, () =>
        visit(browser, `${url}/status`, { ...size, colorScheme }, async (page, response) => {
          assert.equal(response.status(), 200);
          const axe = new AxeBuilder({ page }).options({ rules: { "target-size": { enabled: true } } });
          const { violations } = await axe.setLegacyMode().analyze();
          assert.deepEqual(
            violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("; ")}`),
            [],
          );
          assert.deepEqual(await tooWide(page), [], "nothing scrolls sideways");
        }));
    }
  }
}

test("the status page is whole without a script, and in Spanish", () =>
  visit(browser, `${real.url}/status`, { ...PHONE, javaScriptEnabled: false }, async (page) => {
    assert.equal(await page.locator("script").count(), 0);
    assert.deepEqual((await page.locator("h2 bdi").allInnerTexts()).sort(), Object.values(SITES).sort());
    assert.equal(await page.locator("svg.strip").count(), 3);
    await page.getByRole("link", { name: "Español" }).click();
    assert.equal(await page.locator("html").getAttribute("lang"), "es");
    assert.equal(await page.locator("h1").innerText(), "Estado");
  }));

// A browser looks for the icon of a picture by itself.
test("a badge is a picture as wide as its texts", () =>
  visit(browser, `${real.url}/status/badge.svg?site=${LONG}`, { excused: /favicon\.ico/ }, async (page) => {
    const [picture, ...texts] = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll("text")].map((element) => element.getBoundingClientRect().toJSON()),
    );
    assert.equal(texts.length, 2);
    for (const { left, right } of texts) assert.ok(left > picture.left && right < picture.right, `${left} to ${right}`);
    assert.ok(texts[0].right < texts[1].left);
  }));

test("the feed is well-formed XML", () =>
  visit(browser, `${real.url}/status`, {}, async (page) => {
    const names = await page.evaluate(async () => {
      const text = await (await fetch("/status/feed.atom")).text();
      const feed = new DOMParser().parseFromString(text, "application/xml");
      return [feed.documentElement.nodeName, ...[...feed.documentElement.children].map((child) => child.nodeName)];
    });
    assert.deepEqual(names.slice(0, 7), ["feed", "id", "title", "updated", "author", "link", "link"]);
  }));
