// A rollback by its dialog: it goes back to the previous color, and the receipt says so.

export async function scenario({ open, operator }) {
  const one = await open();
  const { page } = one;
  await one.signIn(operator);
  const before = (await one.waitText(".lead h1", /serves/)).startsWith("Blue") ? "blue" : "green";
  const to = before === "blue" ? "green" : "blue";
  await act(one, "s", `Switch \\S+ to ${to}`, /Switched/);
  await one.serves(to);
  await act(one, "r", `Roll \\S+ back to ${before}`, /Rolled back/);
  await one.serves(before);
  await one.waitText(".lead-sub", /Rolled back/);
  await one.waitText("#history tbody tr:first-child", new RegExp(`Rolled back from ${to}`));
  await page.locator("#history tbody tr:first-child button").click();
  await one.waitText("dialog .receipt-lead", /Rolled back/);
  await one.waitText("dialog .facts", /Drain\s+drained in/);
}

async function act(one, key, title, outcome) {
  await one.page.keyboard.press(key);
  await one.waitText("dialog h2", new RegExp(title));
  await one.waitText("dialog .sentences", /\S/);
  await one.page.locator("dialog button[type=submit]").click();
  await one.waitText("dialog .outcome", outcome);
  await one.page.keyboard.press("Escape");
  await one.page.locator("dialog").waitFor({ state: "detached" });
}
