// Logging in and out, and what operators do, with and without a script.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PHONE, isLive, launch, visit } from "./harness/browser.mjs";
import { PASSWORD, closedDashboard } from "./harness/programs.mjs";

const [closed, browser] = await Promise.all([closedDashboard(), launch()]);
after(async () => {
  await browser.close();
  await closed.kill();
});

// Browsers keep the cookie of a session over https, and on the machine itself.
const url = closed.url.replace("127.0.0.1", "localhost");

async function logIn(page, name) {
  await page.fill("[name=name]", name);
  await page.fill("[name=password]", PASSWORD);
  await page.locator("main button[type=submit]").click();
}

for (const javaScriptEnabled of [true, false]) {
  test(`who logs in sees what was asked for, and nothing after logging out, ${javaScriptEnabled ? "with" : "without"} a script`, () =>
    visit(browser, `${url}/antennas?q=harbour`, { ...PHONE, javaScriptEnabled }, async (page) => {
      assert.equal(new URL(page.url()).pathname, "/login");
      await logIn(page, "bea");
      await page.waitForURL(`${url}/antennas?q=harbour`);
      assert.ok((await page.locator("main tbody a.id").count()) > 0);
      if (javaScriptEnabled) await isLive(page);
      await page.locator('header a[href="/account"]').click();
      await page.waitForURL("**/account");
      await page.locator("main button[type=submit]").click();
      await page.waitForURL("**/login?left=1");
      assert.match(await page.locator("[role=alert]").innerText(), /logged out/);
      await page.goto(`${url}/antennas`);
      assert.equal(new URL(page.url()).pathname, "/login");
    }));
}

test("an operator gets from an antenna to the form that mutes it, and is told why it was not done", () =>
  visit(browser, `${url}/antenna?id=harbour-north`, { javaScriptEnabled: false }, async (page) => {
    await logIn(page, "ana");
    await page.waitForURL("**/antenna?id=harbour-north");
    await page.getByRole("link", { name: "Mute alerts…" }).click();
    assert.equal(await page.inputValue("[name=antennas]"), "harbour-north");
    await page.fill("[name=reason]", "new mast");
    await page.locator("main button[type=submit]").click();
    assert.match(await page.locator("[role=status]").innerText(), /built-in data has no alerts/);
    assert.equal(await page.inputValue("[name=reason]"), "new mast");
  }));

test("an operator plans maintenance by the clocks of a time zone without a script, and what was typed stays", () =>
  visit(browser, `${url}/maintenance?antennas=harbour-north&recurs=1`, { javaScriptEnabled: false }, async (page) => {
    await logIn(page, "ana");
    await page.waitForURL("**/maintenance?antennas=harbour-north&recurs=1");
    await page.getByLabel("Sunday").check();
    for (const [name, value] of Object.entries({ from: "02:00", until: "04:00", time_zone: "Europe/Madrid", reason: "updates" })) {
      await page.fill(`[name=${name}]`, value);
    }
    await page.locator("main button[type=submit]").click();
    assert.match(await page.locator("[role=status]").innerText(), /built-in data has no alerts/);
    assert.deepEqual(await page.locator("[name=days]:checked").evaluateAll((boxes) => boxes.map(({ value }) => value)), ["sun"]);
    for (const [name, value] of [["antennas", "harbour-north"], ["from", "02:00"], ["time_zone", "Europe/Madrid"]]) {
      assert.equal(await page.inputValue(`[name=${name}]`), value);
    }
  }));

test("a viewer sees no way to change anything", () =>
  visit(browser, `${url}/antenna?id=harbour-north`, {}, async (page) => {
    await logIn(page, "bea");
    await page.waitForURL("**/antenna?id=harbour-north");
    await isLive(page);
    assert.equal(await page.getByRole("link", { name: /^(Mute alerts|Plan maintenance|Acknowledge)…$/ }).count(), 0);
  }));
