// A switch that somebody else makes under load is seen as it happens; at rest the books are those of /metrics.
// Outside: `load` starts a load, `switch` switches and answers with the new color, `stop` stops the load.

import assert from "node:assert/strict";

export async function scenario({ open, outside, url }) {
  const one = await open();
  const { page } = one;
  await outside("load");
  await one.waitText(".flow-number", /[1-9]/);
  const color = await outside("switch");
  await one.serves(color);
  await one.waitText("#history tbody tr:first-child", new RegExp(`to ${color}`, "i"));
  await one.waitText("#events .events", new RegExp(`Switched from \\w+ to ${color}`));
  await one.waitText(".lead-sub", /Switched (< 1|\d+) s ago/);
  await one.waitText(`.color.${color} .role`, /active/);
  await outside("stop");

  // At rest: the page and /metrics say the same.
  const until = Date.now() + 15_000;
  for (;;) {
    const shown = await one.books();
    const counted = await metrics(url);
    try {
      assert.equal(shown.Accepted, counted.accepted, "accepted");
      assert.equal(shown["Answered by blue"], counted.blue, "answered by blue");
      assert.equal(shown["Answered by green"], counted.green, "answered by green");
      assert.equal(shown["In flight"], 0, "in flight");
      break;
    } catch (error) {
      if (Date.now() > until) throw error;
      await page.waitForTimeout(300);
    }
  }
  await one.waitText("#books .lost-count strong", /^0$/);
}

/** Sums the counters of all services, of which there is one. */
async function metrics(url) {
  const text = await (await fetch(new URL("/metrics", url), { signal: AbortSignal.timeout(5000) })).text();
  const sum = (pattern) => [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  return {
    accepted: sum(/^teal_requests_accepted_total\{service="[^"]+"\} (\d+)/gm),
    blue: sum(/^teal_requests_answered_total\{service="[^"]+",by="blue",[^}]*\} (\d+)/gm),
    green: sum(/^teal_requests_answered_total\{service="[^"]+",by="green",[^}]*\} (\d+)/gm),
  };
}
