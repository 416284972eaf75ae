// @vitest-environment happy-dom
// Going from one service to another: the numbers of the one before are not shown for the next.

import { expect, it } from "vitest";

import { status } from "../src/state/live";
import { join } from "../src/state/join";
import { chosen, startRoute } from "../src/state/route";
import { newest, recent, series } from "../src/state/series";
import * as fixtures from "./fixtures";

it("shows no figures of the service before", () => {
  const services = [fixtures.service(), fixtures.service({ name: "api" })];
  status.value = { value: fixtures.status(services), at: 0 };
  series.value = join(null, fixtures.series(100, [1, 2, 3]), 300);
  chosen.value = "web";
  expect(recent.value?.of.blue.requests).toEqual([6]);
  expect(newest.value?.of.blue.requests).toEqual([5]);
  chosen.value = "api";
  expect(recent.value).toBeNull();
});

it("takes names from the address, and nothing else", () => {
  startRoute();
  for (const [hash, name] of [
    ["#/service/web", "web"],
    ["#/service/%3Cb%3E", "<b>"],
    ["#/service/%", null],
    ["#/service/", null],
    ["#/service/a/b", null],
    ["#/", null],
    ["", null],
  ] as const) {
    location.hash = hash;
    window.dispatchEvent(new HashChangeEvent("hashchange"));
    expect(chosen.value).toBe(name);
  }
});
