// @vitest-environment happy-dom
// Calls: the token is in the header alone, and every failure is a problem in words.

import { afterEach, describe, expect, it, vi } from "vitest";

import { move } from "../src/api/calls";
import { call } from "../src/api/http";
import { refused } from "../src/api/problem";
import { ended, noteRefusal, signIn, signOut, token } from "../src/state/session";

const SECRET = "teal-secret-of-the-test";

function answer(status: number, body: unknown): Response {
  return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
}

function answers(...all: Response[]): ReturnType<typeof vi.fn> {
  const fetch = vi.fn();
  for (const one of all) fetch.mockResolvedValueOnce(one);
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

afterEach(() => {
  vi.unstubAllGlobals();
  signOut();
});

describe("a call", () => {
  it("bears the token in its header, and the generation that was seen", async () => {
    const fetch = answers(answer(200, {}));
    await move(SECRET, { verb: "switch", service: "web", to: "green", generation: 7, dryRun: true });
    const [address, init] = fetch.mock.calls[0] as [
      string,
      RequestInit & { headers: Record<string, string> },
    ];
    expect(address).toBe("/admin/switch?service=web&to=green&dry_run=true");
    expect(init.headers["authorization"]).toBe(`Bearer ${SECRET}`);
    expect(init.headers["if-match"]).toBe('"7"');
    expect(init.credentials).toBe("omit");
    expect(init.body).toBeUndefined();
  });

  it("that fails is a problem in words, whatever came", async () => {
    answers(
      answer(412, {
        code: "unhealthy",
        title: "Target green is not healthy",
        detail: "refused",
        status: 412,
      }),
    );
    expect(await call({ path: "/", token: null })).toEqual({
      ok: false,
      problem: {
        code: "unhealthy",
        title: "Target green is not healthy",
        detail: "refused",
        status: 412,
      },
    });
    answers(answer(200, "<html>"));
    expect(await call({ path: "/", token: null })).toMatchObject({
      ok: false,
      problem: { code: "malformed" },
    });
    vi.stubGlobal("fetch", vi.fn().mockRejectedValue(new TypeError(`failed with ${SECRET}`)));
    const lost = await call({ path: "/", token: SECRET });
    expect(lost).toMatchObject({ ok: false, problem: { code: "unreachable", status: 0 } });
    expect(JSON.stringify(lost)).not.toContain(SECRET);
    for (const body of ["", "null", "[]", '{"code":7}', "<b>"]) {
      expect(refused(502, body).title).toBe("Teal answered 502");
    }
  });
});

describe("the session", () => {
  it("keeps a token that Teal accepts, in this tab", async () => {
    answers(answer(200, { name: "mia", role: "operator" }));
    expect(await signIn(SECRET)).toBeNull();
    expect(token.value).toBe(SECRET);
    expect(Object.values({ ...sessionStorage })).toEqual([SECRET]);
    expect(localStorage.length).toBe(0);
    signOut();
    expect(sessionStorage.length).toBe(0);
  });

  it("keeps nothing of a wrong one", async () => {
    answers(answer(401, { code: "invalid_token", title: "Token is invalid", status: 401 }));
    expect(await signIn(SECRET)).toMatchObject({ code: "invalid_token" });
    expect(token.value).toBeNull();
    expect(sessionStorage.length).toBe(0);
  });

  it("works with a Teal that cannot say who the token makes us", async () => {
    answers(answer(404, { code: "not_found", title: "Not found", status: 404 }), answer(200, {}));
    expect(await signIn(SECRET)).toBeNull();
    expect(token.value).toBe(SECRET);
  });

  it("ends, with the reason, when the token is not valid any more", async () => {
    answers(answer(200, { name: "mia", role: "operator" }));
    await signIn(SECRET);
    noteRefusal({ code: "invalid_token", title: "", detail: "", status: 401 });
    expect(token.value).toBeNull();
    expect(ended.value).toContain("Sign in again");
  });
});
