// Takes the pictures of the console for the documentation: `node pictures.mjs TEAL DIRECTORY`.
//
// It starts that Teal with two targets of its own and some traffic on loopback, brings about what the pictures show, and
// ends everything it has started. It takes about a minute and a half, most of it so that the charts have something to show.

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

import { Console } from "./browser/console.mjs";

const [program, directory] = process.argv.slice(2);
if (!program || !directory) {
  console.error("usage: node pictures.mjs TEAL DIRECTORY");
  process.exit(2);
}
const token = randomBytes(32).toString("hex");
const colors = { blue: await target(9), green: await target(7) };
const place = mkdtempSync(join(tmpdir(), "teal-pictures-"));
const [admin, open] = [await freePort(), await freePort()];
const url = `http://127.0.0.1:${admin}/`;
const teal = start();
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const traffic = setInterval(request, 12);
const browser = await chromium.launch({
  executablePath: process.env.TEAL_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--disable-quic", "--disable-background-networking", "--no-sandbox"],
});
try {
  await ready();
  await ask("POST", "switch?to=green&version=v41&wait=published");
  await ask("POST", "switch?to=blue&version=v42&reason=release+of+the+week&wait=published");
  await pause(45_000);
  await shoot("console", { viewport: { width: 1280, height: 1180 } });
  await shoot("console-phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1 });
  streams(3);
  slow(4);
  await pause(6000);
  await ask("POST", "switch?to=green&version=v43&reason=the+new+checkout&wait=published");
  await pause(8000);
  await shoot("console-drain", {});
  await shoot("console-dark", { colorScheme: "dark" });
  colors.blue.sick = true;
  await pause(4000);
  await shoot("console-refused", {}, async (one) => {
    await one.page.keyboard.press("s");
    await one.waitText("dialog .refusal", /\S/);
  });
} finally {
  clearInterval(traffic);
  await browser.close();
  await stop();
  rmSync(place, { recursive: true, force: true });
}
process.exit();

/** Takes one picture, signed in. */
async function shoot(name, options, act = async () => {}) {
  const one = await Console.open(browser, url, {
    viewport: { width: 1280, height: 960 },
    reducedMotion: "reduce",
    ...options,
  });
  await one.signIn(token);
  await act(one);
  await pause(2500);
  await one.page.screenshot({ path: join(resolve(directory), `${name}.png`) });
  await one.context.close();
}

function start() {
  const sha256 = createHash("sha256").update(token).digest("hex");
  const config = join(place, "teal.toml");
  writeFileSync(
    config,
    `state_dir = "state"
workers = 2
[admin]
listen = "127.0.0.1:${admin}"
tokens = [{ name = "mia", role = "operator", sha256 = "${sha256}" }]
[[listener]]
address = "127.0.0.1:${open}"
[[service]]
name = "shop"
blue = { targets = ["http://127.0.0.1:${colors.blue.port}"] }
green = { targets = ["http://127.0.0.1:${colors.green.port}"] }
health = { path = "/health", interval = "1s" }
`,
  );
  return spawn(resolve(program), ["run", "--config", config], { stdio: "ignore" });
}

/** Stops Teal: the second signal does not wait for what is in flight. */
async function stop() {
  const ended = new Promise((done) => teal.once("exit", done));
  teal.kill("SIGTERM");
  await pause(500);
  teal.kill("SIGTERM");
  await Promise.race([ended, pause(10_000)]);
  teal.kill("SIGKILL");
}

/** Calls the admin API as the operator. */
async function ask(method, path) {
  const answer = await fetch(`${url}admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.text();
}

/** Waits until both colors are proven healthy. */
async function ready() {
  const until = Date.now() + 20_000;
  for (;;) {
    const text = await ask("GET", "status").catch(() => "");
    if (/Blue healthy: true/.test(text) && /Green healthy: true/.test(text)) return;
    if (Date.now() > until) throw new Error(`Teal is not ready: ${text}`);
    await pause(200);
  }
}

/** A target that answers after a few milliseconds, holds WebSockets, and can be made sick. */
async function target(milliseconds) {
  const state = { port: 0, sick: false };
  const server = http.createServer((asked, answer) => {
    if (asked.url === "/health") answer.writeHead(state.sick ? 503 : 200).end();
    else if (asked.url === "/slow") setTimeout(() => answer.end("late"), 60_000);
    else
      setTimeout(
        () => answer.writeHead(Math.random() < 0.004 ? 500 : 200).end("ok"),
        milliseconds * (0.5 + Math.random()),
      );
  });
  server.on("upgrade", (asked, socket) => {
    const key = `${asked.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.on("error", () => {});
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
  });
  state.port = await listening(server);
  return state;
}

function request() {
  http
    .get({ host: "127.0.0.1", port: open, path: "/", agent }, (answer) => answer.resume())
    .on("error", () => {});
}

function streams(count) {
  for (let at = 0; at < count; at += 1) {
    const socket = net.connect(open, "127.0.0.1", () =>
      socket.write(
        "GET /live HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      ),
    );
    socket.on("error", () => {});
  }
}

function slow(count) {
  for (let at = 0; at < count; at += 1) {
    http
      .get({ host: "127.0.0.1", port: open, path: "/slow" }, (answer) => answer.resume())
      .on("error", () => {});
  }
}

async function freePort() {
  const server = net.createServer();
  const port = await listening(server);
  await new Promise((done) => server.close(done));
  return port;
}

async function listening(server) {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server.address().port;
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}
