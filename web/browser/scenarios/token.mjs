// The token is in the header of calls and in the storage of the session, and nowhere else: not in an address, a cookie,
// the page, the browser's console, a body, or what an error says.

import assert from "node:assert/strict";

export async function scenario({ open, operator }) {
  const one = await open();
  const { page, context } = one;
  const said = [];
  const sent = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("request", (request) =>
    sent.push(`${request.method()} ${request.url()} ${request.postData() ?? ""}`),
  );
  await one.signIn(operator);
  await page.keyboard.press("s");
  await one.waitText("dialog", /probes? passed|refused/);
  await page.keyboard.press("Escape");
  // An answer that cannot be read is an error that the page shows.
  await page.route("**/admin/status*", (route) => route.fulfill({ status: 500, body: "not JSON" }));
  await one.waitText("#trust", /Stale/);
  await page.unroute("**/admin/status*");
  await one.live();

  const everywhere = await page.evaluate(() => ({
    address: location.href,
    cookie: document.cookie,
    local: JSON.stringify({ ...localStorage }),
    page: document.documentElement.outerHTML,
    history: JSON.stringify(globalThis.history.state),
    title: document.title,
  }));
  for (const [place, text] of Object.entries(everywhere))
    assert.ok(!text.includes(operator), `the token is in: ${place}`);
  assert.ok(!said.some((text) => text.includes(operator)), "the token is in the browser's console");
  assert.ok(!sent.some((text) => text.includes(operator)), "the token is in an address or a body");
  assert.deepEqual(await context.cookies(), []);
  const other = await context.newPage();
  await other.goto(one.url);
  assert.equal(await other.evaluate(() => sessionStorage.length), 0, "another tab has the token");
}
