// Pictures of every page, to be looked at: run.sh pictures [STATE ...]. The real programs, with an hour of history that is
// written with the ids of its time; the folder `pictures` beside the logs holds them, with an index.html.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../harness/browser.mjs";
import { Broker } from "../harness/broker.mjs";
import { network, output, until } from "../harness/programs.mjs";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ASK_AGAIN_MS = 200;
const CAUGHT_UP_MS = 2_000;

/** How many antennas there are, and how often each reports: an hour of them is at most 1.2 million readings. */
const NETWORKS = [
  { antennas: 12, intervalMs: 1_000 },
  { antennas: 200, intervalMs: 5_000 },
  { antennas: 2_000, intervalMs: 15_000 },
  { antennas: 10_000, intervalMs: 30_000 },
];

const PHONE = { width: 390, height: 844, isMobile: true };
const DESK = { width: 1440, height: 900 };
const SIZES = {
  phone: PHONE,
  desk: DESK,
  "1080p": { width: 1920, height: 1080 },
  "1440p": { width: 2560, height: 1440 },
  "4K": { width: 3840, height: 2160 },
};

/** The antenna that has the trouble, where one has. */
const TROUBLED = 7;

/** What an antenna measures so long before now, or null if it does not report. */
const STATES = {
  "all-well": () => ({}),
  "one-down": (antenna, agoMs) => (antenna === TROUBLED && agoMs < 12 * MINUTE_MS ? { isLost: true } : {}),
  flapping: (antenna, agoMs) => (antenna === TROUBLED && modulo(agoMs, 150_000) > MINUTE_MS ? null : {}),
  "all-lost": (_, agoMs) => (agoMs < 8 * MINUTE_MS ? { isLost: true } : {}),
  "broker-away": () => ({}),
  "just-started": (_, agoMs) => (agoMs < 20_000 ? {} : null),
};

const id = (antenna) => `antenna-7d9c6f5b8-${String(antenna).padStart(5, "0")}`;

const PAGES = {
  overview: "/",
  antennas: "/antennas",
  antenna: `/antenna?id=${id(TROUBLED)}`,
  incidents: "/incidents",
  pipeline: "/pipeline",
  wall: "/?wall=1",
};

const wanted = process.argv.slice(2);
const states = wanted.length ? wanted : Object.keys(STATES);
const unknown = states.find((state) => !Object.hasOwn(STATES, state));
if (unknown) {
  console.error(`${unknown} is none of ${Object.keys(STATES).join(", ")}`);
  process.exit(2);
}
async function picture(browser, state, { antennas, intervalMs }) {
  const real = await network({ antennas: 0 });
  const fleet = new Fleet(await Broker.at(real.redisPort), { antennas, intervalMs, measure: STATES[state] });
  await fleet.catchUp();
  const end = fleet.goOn();
  await until("all is counted", async () => {
    const { totals } = await real.ask("/api/v1/pipeline");
    return totals.counted > 0 && totals.lag < 5 * antennas;
  });
  if (state === "broker-away") {
    await real.redis.kill();
    await until("the page says so", async () => /broker/i.test(await (await fetch(real.url)).text()));
  }
  const folder = join(output, "pictures", state, `${antennas}`);
  mkdirSync(folder, { recursive: true });
  for (const [size, { width, height, isMobile }] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"]) {
      const viewport = { width, height };
      const context = await browser.newContext({ viewport, isMobile, hasTouch: isMobile, colorScheme, locale: "en-GB" });
      const page = await context.newPage();
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(real.url + path);
        // A wall shows what fits; of other pages, some screens are enough.
        const tall = name === "wall" ? height : await page.evaluate(() => document.documentElement.scrollHeight);
        const clip = { x: 0, y: 0, width, height: Math.min(tall, 4 * height) };
        await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`), fullPage: true, clip });
      }
      await context.close();
    }
  }
  await end();
  await real.end();
  console.log(`${state}, ${antennas} antennas: ${folder}`);
}

/** Antennas that take turns within an interval, from an hour ago on. */
class Fleet {
  constructor(broker, { antennas, intervalMs, measure }) {
    Object.assign(this, { broker, antennas, measure, turns: intervalMs / 1_000, bornMs: Date.now() });
    this.nextSecond = Math.ceil((this.bornMs - HOUR_MS) / 1_000);
  }

  /** Writes what is measured up to a time. */
  async write(untilMs) {
    for (; this.nextSecond * 1_000 < untilMs; this.nextSecond += 1) {
      const second = this.nextSecond;
      // The first antenna whose turn it is.
      const first = modulo(-second, this.turns);
      for (let antenna = first; antenna < this.antennas; antenna += this.turns) {
        const measured = this.measure(antenna, this.bornMs - second * 1_000);
        if (measured !== null) this.broker.append(entry(antenna, second, measured));
      }
      await this.broker.drained();
    }
  }

  /** Writes what is measured up to now, and what was measured while that was written, which takes minutes at first. */
  async catchUp() {
    for (let untilMs = 0; Date.now() - untilMs > CAUGHT_UP_MS; ) {
      untilMs = Date.now();
      await this.write(untilMs);
    }
  }

  /** Lets the antennas report as time passes; what is returned ends that. */
  goOn() {
    let hasEnded = false;
    const life = (async () => {
      while (!hasEnded) {
        await this.write(Date.now());
        await pause(ASK_AGAIN_MS);
      }
    })();
    return () => {
      hasEnded = true;
      return life;
    };
  }
}

/** The fields of a reading, after the arguments that give it its id. */
function entry(antenna, second, { isLost }) {
  const noise = random(antenna, second);
  const packets = 100;
  const loss = isLost ? packets : Number(noise > 0.97);
  const latency = isLost ? [] : ["latency", (18 + (antenna % 9) + 6 * noise ** 4).toFixed(2)];
  const fields = ["antenna_id", id(antenna), "timestamp", second, "packets", packets, "loss", loss, ...latency];
  return ["XADD", "antenna_stream", `${second * 1_000}-*`, ...fields];
}

/** A number from 0 to 1 that follows from two others. */
function random(one, other) {
  let bits = Math.imul(one + 1, 0x9e3779b1) ^ Math.imul(other, 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d);
  return ((bits ^ (bits >>> 13)) >>> 0) / 2 ** 32;
}

function modulo(value, period) {
  return ((value % period) + period) % period;
}

const browser = await launch();
for (const state of states) {
  for (const size of NETWORKS) await picture(browser, state, size);
}
await browser.close();
process.exit(0);
