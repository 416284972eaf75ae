// A drain with a WebSocket: the countdown falls, what is left is shown by kind, and its end says that the color may be
// stopped.
// Outside: `websocket` opens one WebSocket to the active color, and holds it; `close` closes it.

import assert from "node:assert/strict";

export async function scenario({ open, outside, operator }) {
  const one = await open();
  const { page } = one;
  await one.signIn(operator);
  const old = (await one.waitText(".lead h1", /serves/)).startsWith("Blue") ? "blue" : "green";
  const to = old === "blue" ? "green" : "blue";
  await outside("websocket");
  await one.waitText(`.color.${old} .figures`, /Streams\s+1/);
  await page.keyboard.press("s");
  await one.waitText("dialog .sentences", /stream/);
  await page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", /draining/);
  await page.keyboard.press("Escape");
  await one.serves(to);
  await one.waitText(".lead-stop", new RegExp(`${old} is draining.*do not stop ${old}`, "i"));
  await one.waitText(`.color.${old} .drain-left`, /1 WebSocket/);
  await one.waitText(".timeline", /Draining/);
  const seconds = async () => Number.parseInt(await one.waitText(`.color.${old} .drain-clock`, /^\d+ s/), 10);
  const first = await seconds();
  const until = Date.now() + 10_000;
  while ((await seconds()) >= first) {
    assert.ok(Date.now() < until, "the countdown stands still");
    await page.waitForTimeout(200);
  }
  await page.getByRole("button", { name: "Shorten", exact: true }).click();
  await one.waitText("dialog .sentences", /1 stream on/);
  await page.locator("dialog select").selectOption("30s");
  await one.waitText("dialog .sentences", /has 30s instead of/);
  await page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", /has at most 30 s left/);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  const closer = Date.now() + 10_000;
  while ((await seconds()) > 30) {
    assert.ok(Date.now() < closer, "the deadline is not closer");
    await page.waitForTimeout(200);
  }
  await outside("close");
  await one.waitText(".lead-stop", new RegExp(`${old} is drained: safe to stop`, "i"));
  await one.waitText("#history tbody tr:first-child", /drained in .*nothing cut/);
  await one.waitText("#events .events", new RegExp(`${old} is drained: safe to stop`, "i"));
}
