// A switch by keyboard alone: sign in, `s`, the dry run, the reason, the button, the outcome; the focus comes back.

import assert from "node:assert/strict";

export async function scenario({ open, operator }) {
  const one = await open();
  const { page } = one;
  const { keyboard } = page;
  await tabTo(one, "Sign in");
  await keyboard.press("Enter");
  await keyboard.type(operator);
  await keyboard.press("Enter");
  await page.locator("dialog").waitFor({ state: "detached" });

  const before = (await one.waitText(".lead h1", /serves/)).startsWith("Blue") ? "blue" : "green";
  const to = before === "blue" ? "green" : "blue";
  await tabTo(one, `Switch to ${to}`);
  assert.ok((await outline(page)) >= 2, "the focus is not seen");
  await keyboard.press("s");
  await one.waitText("dialog h2", new RegExp(`Switch \\S+ to ${to}\\?`));
  await one.waitText("dialog .sentences", /\S/);
  await keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  assert.equal(await one.focused(), `Switch to ${to}`, "the focus did not come back");
  await one.serves(before);

  await keyboard.press("s");
  await one.waitText("dialog .sentences", /\S/);
  await tabTo(one, /^$/, "dialog input");
  await keyboard.type("a reason by keyboard");
  await tabTo(one, `Switch to ${to}`);
  await keyboard.press("Enter");
  await one.waitText("dialog .outcome", new RegExp(`Switched \\S+ from ${before} to ${to}, generation \\d+`));
  await one.waitText("#said", /Switched|published|drained/);
  await keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await one.serves(to);
  await one.waitText(".lead-sub", /a reason by keyboard/);

  await keyboard.press("g");
  await keyboard.press("h");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "history");
  await keyboard.press("g");
  await keyboard.press("e");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "events");
  await keyboard.press("?");
  await one.waitText("dialog h2", /^Keys$/);
  await keyboard.press("Escape");
  await tabTo(one, /^Receipt \d+$/);
  await keyboard.press("Enter");
  await one.waitText("dialog .facts", /a reason by keyboard/);
}

/** Presses Tab until an element with this name has the focus. */
async function tabTo({ page, focused }, name, selector = "*") {
  const one = { page, focused };
  for (let presses = 0; presses < 80; presses += 1) {
    const fits = await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
    const text = await focused.call(one);
    if (fits && (typeof name === "string" ? text === name : name.test(text))) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${name}`);
}

function outline(page) {
  return page.evaluate(() => Number.parseFloat(getComputedStyle(document.activeElement).outlineWidth));
}
