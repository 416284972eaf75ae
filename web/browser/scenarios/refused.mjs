// Refusals: of the dry run, of a switch whose color fails while the dialog is open, and of one that another operator
// has overtaken. Each says why, and leaves the page usable.
// Outside: `fail-idle` makes the idle color fail its probes, `heal-idle` repairs it, `switch-elsewhere` switches there
// and back by another operator's token and answers with its name.

import assert from "node:assert/strict";

export async function scenario({ open, outside, operator }) {
  const one = await open();
  const { page } = one;
  await one.signIn(operator);
  const active = (await one.waitText(".lead h1", /serves/)).startsWith("Blue") ? "blue" : "green";
  const idle = active === "blue" ? "green" : "blue";

  await page.keyboard.press("s");
  await one.waitText("dialog .sentences", /\S/);
  await outside("fail-idle");
  await one.waitText(`.color.${idle} .gate`, /Would not pass the gate: \S/);
  await page.locator("dialog button[type=submit]").click();
  const late = await one.waitText("dialog .refusal", /Refused, nothing has changed/);
  assert.match(late, new RegExp(`Target ${idle} is not healthy`));
  await page.keyboard.press("Escape");
  await one.serves(active);
  await one.waitText("#events .events", /Refused, by/);

  await page.keyboard.press("s");
  await one.waitText("dialog .refusal", /Switch would be refused/);
  assert.equal(await page.locator("dialog button[type=submit]").count(), 0, "a refused switch can be sent");
  await outside("heal-idle");
  await one.waitText(`.color.${idle} .gate`, /Would pass the gate now/);
  await page.getByRole("button", { name: "Check again" }).click();
  await one.waitText("dialog .sentences", /\S/);

  const name = await outside("switch-elsewhere");
  await page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .refusal", new RegExp(`${name} (switched|rolled back) .* ago`, "i"));
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await one.live();
}
