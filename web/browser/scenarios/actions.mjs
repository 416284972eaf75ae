// The other actions: hold and resume, continue and abandon a deploy, retire with the color typed, a receipt copied.

import assert from "node:assert/strict";

export async function scenario({ open, operator, url }) {
  const one = await open();
  const { page, context } = one;
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await one.signIn(operator);
  const active = (await one.waitText(".lead h1", /serves/)).startsWith("Blue") ? "blue" : "green";
  const idle = active === "blue" ? "green" : "blue";

  await page.keyboard.press("h");
  await one.waitText("dialog h2", /^Hold new requests to/);
  await one.waitText("dialog .sentences", /wait at Teal, each at most 30s/);
  await page.locator("dialog select").selectOption("60s");
  await one.waitText("dialog .sentences", /each at most 60s/);
  await page.locator("dialog select").selectOption("30s");
  await one.waitText("dialog .sentences", /each at most 30s/);
  await page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", /are held, each up to 30 s/);
  await page.keyboard.press("Escape");
  await one.waitText(".attention", /New requests are held by/);
  await page.getByRole("button", { name: "Resume" }).click();
  await one.waitText("dialog .sentences", /No request waits|waiting requests? go/);
  await page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", /released to/);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Hold", exact: true }).waitFor();

  const deploy = await call(url, operator, "POST", "deploys", { version: "v43", by: "ci@build-7" });
  await call(url, operator, "PATCH", `deploys/${deploy.id}`, { claim: deploy.claim, step: "start" });
  await call(url, operator, "PATCH", `deploys/${deploy.id}`, { claim: deploy.claim, pause: true });
  await one.waitText("#deploys", /waits for you/);
  await one.waitText("#deploys .steps", /lock.*start/s);
  await page.getByRole("button", { name: "Continue" }).click();
  await one.waitText("dialog .command", new RegExp(`teal deploy --resume ${deploy.id}`));
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Abandon" }).click();
  await typed(one, idle, /is abandoned: another one may begin/);
  await one.waitText("#deploys", /abandoned/);

  await move(one, "s", idle);
  await page.locator("#history button", { hasText: "Receipt" }).first().click();
  await page.getByRole("button", { name: "Copy receipt" }).click();
  await one.waitText("dialog .copy", /Copied/);
  const text = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(text, new RegExp(`from ${active} to ${idle}`), "the copy is not the receipt in words");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });

  await one.waitText(".lead-stop", /safe to stop/);
  await page.getByRole("button", { name: `Retire ${active}` }).click();
  await typed(one, active, /is retired: it may be stopped for good/);
  await one.waitText(`.color.${active} .role`, /retired/);
}

/** Types another word first, which does nothing, and then the right one. */
async function typed(one, word, outcome) {
  const { page } = one;
  const field = page.locator("dialog input");
  await one.waitText("dialog .sentences", /\S/);
  await field.fill("teal");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("dialog button[type=submit]").getAttribute("aria-disabled"), "true");
  await field.fill(word);
  await page.keyboard.press("Enter");
  await one.waitText("dialog .outcome", outcome);
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
}

async function move(one, key, to) {
  await one.page.keyboard.press(key);
  await one.waitText("dialog .sentences", /\S/);
  await one.page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", /Switched/);
  await one.page.keyboard.press("Escape");
  await one.page.locator("dialog").waitFor({ state: "detached" });
  await one.serves(to);
}

async function call(url, token, method, path, body) {
  const answer = await fetch(new URL(`/admin/${path}`, url), {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json",
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}
