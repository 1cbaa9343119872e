// How many bytes the pages take on the wire: the same on every machine.
import assert from "node:assert/strict";
import { get } from "node:http";
import { after, test } from "node:test";
import { isLive, launch, updates, visit } from "./harness/browser.mjs";
import { mockDashboard } from "./harness/programs.mjs";

const TRANSFER_MAX = 120_000;
const SCRIPT_MAX = 12_500;
const PAGE_MAX = 200_000;

const [thousand, tenThousand, browser] = await Promise.all([
  mockDashboard({ MOCK_ANTENNAS: "1000" }),
  mockDashboard({ MOCK_ANTENNAS: "10000" }),
  launch(),
]);
after(async () => {
  await browser.close();
  await Promise.all([thousand.kill(), tenThousand.kill()]);
});

test("the overview of 1,000 antennas takes at most 120 KB with all that it loads and its first updates", (t) =>
  visit(browser, "about:blank", { isAlone: true }, async (page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    const addresses = new Map();
    const sizes = {};
    const set = (requestId, size) => (sizes[new URL(addresses.get(requestId)).pathname] = size);
    session.on("Network.requestWillBeSent", ({ requestId, request }) => addresses.set(requestId, request.url));
    session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => set(requestId, encodedDataLength));
    // A stream never ends: what has arrived so far counts.
    let streamed = 0;
    session.on("Network.dataReceived", ({ requestId, encodedDataLength }) => {
      if (new URL(addresses.get(requestId)).pathname.startsWith("/live/")) set(requestId, (streamed += encodedDataLength));
    });
    await page.goto(thousand.url, { waitUntil: "load" });
    await isLive(page);
    await updates(page, 2);
    t.diagnostic(JSON.stringify(sizes));
    const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
    for (const path of ["/", "/live/"]) assert.ok(sizes[path] > 1_000, `the weight of ${path}`);
    assert.ok(Object.keys(sizes).length > 5, "the page loads its parts");
    assert.ok(total <= TRANSFER_MAX, `${total} bytes`);
  }));

test("all script together takes at most 12.5 KB", (t) =>
  visit(browser, thousand.url, {}, async (page) => {
    const addresses = await page.evaluate(() => [...document.scripts].map((script) => script.src));
    const sizes = await Promise.all(addresses.map(compressed));
    t.diagnostic(`${addresses.map((address, index) => `${new URL(address).pathname} ${sizes[index]}`).join(", ")}`);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(addresses.length >= 3 && total <= SCRIPT_MAX, `${total} bytes`);
  }));

for (const path of ["/", "/antennas", "/sites", "/site?name=harbour", "/map", "/incidents", "/pipeline"]) {
  test(`with 10,000 antennas, ${path} takes at most 200 KB`, async (t) => {
    const size = await compressed(tenThousand.url + path);
    t.diagnostic(`${size} bytes`);
    assert.ok(size <= PAGE_MAX, `${size} bytes`);
  });
}

// The size of a response body as transferred.
function compressed(address) {
  return new Promise((resolve, reject) => {
    get(address, { headers: { "accept-encoding": "gzip" } }, (response) => {
      let size = 0;
      response.on("data", (part) => (size += part.length));
      response.on("end", () => {
        if (response.statusCode === 200 && response.headers["content-encoding"] === "gzip") resolve(size);
        else reject(new Error(`${address}: ${response.statusCode} ${response.headers["content-encoding"]}`));
      });
    }).on("error", reject);
  });
}
