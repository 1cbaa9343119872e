// Starts programs on free local ports, waits until they are ready, and ends them.
import { execFile, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const DEADLINE_MS = 30_000;
const ASK_AGAIN_MS = 25;

const target = process.env.CARGO_TARGET_DIR;
const programs = process.env.PROGRAMS;
if (!target || !programs) throw new Error("run.sh says where the programs are: start the tests with it");

/** The folder for logs and screenshots. */
export const output = join(target, "browser");

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Returns once `check` returns true; one that throws is tried again. */
export async function until(what, check) {
  const deadline = Date.now() + DEADLINE_MS;
  for (let error; ; error = undefined) {
    try {
      if (await check()) return;
    } catch (thrown) {
      error = thrown;
    }
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`, { cause: error });
    await pause(ASK_AGAIN_MS);
  }
}

/** A program that can be killed and restarted at the same address. */
export class Program {
  /** `isReady` is called until it returns true. */
  constructor(path, args, env, isReady) {
    Object.assign(this, { path, args, env, isReady });
    this.name = path.split("/").pop();
  }

  async start() {
    const folder = join(output, "logs");
    mkdirSync(folder, { recursive: true });
    this.log = join(folder, `${this.name}-${process.pid}.log`);
    const log = openSync(this.log, "a");
    const env = { PATH: process.env.PATH, RUST_LOG: "warn", ...this.env };
    const child = spawn(this.path, this.args, { env, stdio: ["ignore", log, log] });
    closeSync(log);
    running.add(child);
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once("error", resolve);
      child.once("exit", resolve);
    }).then(() => running.delete(child));
    try {
      await Promise.race([
        until(`${this.name} is ready`, this.isReady),
        this.ended.then(() => Promise.reject(new Error(`${this.name} ended`))),
      ]);
    } catch (error) {
      throw new Error(`${error.message}; its log: ${readFileSync(this.log, "utf8").slice(-2_000)}`, { cause: error });
    }
    return this;
  }

  /** Kills it without a chance to shut down. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  get pid() {
    return this.child.pid;
  }
}

/** The dashboard alone, with built-in figures. */
export function mockDashboard(settings = {}) {
  return dashboard({ MOCK: "1", ...settings });
}

/** A dashboard for those who log in: ana is an operator, and bea a viewer. */
export async function closedDashboard(settings = {}) {
  const folder = join(output, `users-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const hash = execFileSync(join(programs, "dashboard"), ["hash-password"], { input: PASSWORD, encoding: "utf8" });
  const file = join(folder, "users");
  writeFileSync(file, `ana:operator:${hash}bea:viewer:${hash}`);
  const secret = "of the tests, and long enough for one";
  return mockDashboard({ AUTH: "basic", AUTH_USERS_FILE: file, AUTH_SECRET: secret, ...settings });
}

/** The password of everybody. */
export const PASSWORD = "correct horse";

/** What a browser keeps in which somebody has logged in. */
export async function session(dashboard, name) {
  const { headers } = await fetch(`${dashboard.url}/login`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: dashboard.url },
    body: new URLSearchParams({ name, password: PASSWORD, to: "/" }),
  });
  const [, key, value] = headers.get("set-cookie").match(/^([^=]+)=([^;]+)/);
  const cookie = { name: key, value, domain: "127.0.0.1", path: "/", expires: -1, httpOnly: true, secure: false, sameSite: "Lax" };
  return { storageState: { cookies: [cookie], origins: [] } };
}

/**
 * The real programs with a broker of their own; without antennas, no simulator. The dashboard reaches analytics, which may have
 * settings of its own, at `via(address)`, and has those of `page`.
 */
export async function network({ antennas, interval = "1s", settings = {}, page = {}, via = (address) => address }) {
  const [redisPort, analyticsPort] = [await freePort(), await freePort()];
  const redis = new Program(
    "redis-server",
    ["--port", `${redisPort}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"],
    {},
    async () => (await cli(redisPort, ["PING"])) === "PONG",
  );
  const broker = { REDIS_HOST: "127.0.0.1", REDIS_PORT: `${redisPort}` };
  const address = `127.0.0.1:${analyticsPort}`;
  const own = (name, given, ready) => new Program(join(programs, name), [], { ...broker, ...given }, ready);
  const analytics = own("analytics", { ...settings, BIND: address }, () => isReady(address));
  const fleet = { ANTENNAS: `${antennas}`, ANTENNA_ID: "antenna", SCENARIO: "mixed", INTERVAL: interval };
  const all = { redis: await redis.start(), analytics: await analytics.start() };
  if (antennas) all.simulator = await own("simulator", fleet, () => true).start();
  all.dashboard = await dashboard({ ANALYTICS_URL: await via(`http://${address}`), ...page });
  return {
    ...all,
    url: all.dashboard.url,
    redisPort,
    redisCli: (...args) => cli(redisPort, args),
    ask: async (path) => (await fetch(`http://${address}${path}`)).json(),
    end: () => Promise.all(Object.values(all).map((program) => program.kill())),
  };
}

/** A port that nothing listens on at the moment. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function dashboard(settings) {
  const address = `127.0.0.1:${await freePort()}`;
  const program = new Program(join(programs, "dashboard"), [], { BIND: address, ...settings }, () => isReady(address));
  program.url = `http://${address}`;
  return program.start();
}

async function isReady(address) {
  const response = await fetch(`http://${address}/readyz`);
  await response.arrayBuffer();
  return response.ok;
}

async function cli(port, args) {
  const { stdout } = await promisify(execFile)("redis-cli", ["-h", "127.0.0.1", "-p", `${port}`, ...args]);
  return stdout.trimEnd();
}
