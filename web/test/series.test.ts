// Series: what is kept, what is joined, what the charts draw.

import { describe, expect, it } from "vitest";

import { join, rates } from "../src/state/join";
import { requestLines, timeLines } from "../src/view/chart/lines";
import { series } from "./fixtures";

describe("joining", () => {
  it("appends what is newer, and keeps no more than was asked for", () => {
    const first = join(null, series(100, [1, 2, 3]), 4);
    const both = join(first, series(102, [4, 5]), 4);
    expect(both?.of.blue.requests).toEqual([2, 3, 4, 5]);
    expect(both?.end).toBe(102);
    expect(join(both, series(102, []), 4)).toBe(both);
  });

  it("starts over after a gap, another step or a Teal whose time went back", () => {
    const kept = join(null, series(100, [1, 2, 3]), 900);
    expect(join(kept, series(105, [9]), 900)).toBeNull();
    expect(join(kept, series(110, [9], 10), 900)).toBeNull();
    expect(join(kept, series(50, []), 900)).toBeNull();
  });

  it("loses and doubles no request, however the answers are cut", () => {
    let seed = 11;
    const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 100; round += 1) {
      const all = Array.from({ length: 60 }, () => Math.floor(random() * 100));
      let kept = join(null, series(1001, all.slice(0, 1)), 900);
      for (let at = 1; at < all.length;) {
        const next = all.slice(at, at + 1 + Math.floor(random() * 5));
        at += next.length;
        kept = join(kept, series(1000 + at, next), 900);
      }
      expect(kept?.of.blue.requests).toEqual(all);
    }
  });
});

describe("rates", () => {
  it("are those of the newest steps", () => {
    const kept = join(null, series(100, [100, 0, 10, 20]), 900);
    const seen = kept && rates(kept, 2);
    expect(seen?.seconds).toBe(2);
    expect(seen?.of.blue.requests).toEqual([30]);
    expect(seen?.of.green.p50_ms).toEqual([null]);
  });

  it("are nothing while there is no step", () => {
    const kept = join(null, series(100, []), 900);
    expect(kept && rates(kept, 10)).toBeNull();
  });
});

describe("the charts", () => {
  it("put each step at its end, and leave out an idle color", () => {
    const kept = join(null, series(100, [0, 0, 0, 10, 20], 10), 3600);
    if (kept === null) throw new Error("nothing is kept");
    const { times, lines } = requestLines(kept);
    expect(times).toEqual([60, 70, 80, 90, 100]);
    expect(lines.find((one) => one.name === "Blue")?.values).toEqual([null, null, 0, 1, 2]);
    expect(lines.find((one) => one.name === "Green")?.values).toEqual([null, null, null, null, null]);
    expect(timeLines(kept).lines.find((one) => one.name === "Blue median")?.values).toEqual([
      null,
      null,
      null,
      5,
      5,
    ]);
  });
});
