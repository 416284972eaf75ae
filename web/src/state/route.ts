// What is open: the list of services, or one service. In the fragment of the address, so that it can be shared.

import { signal } from "@preact/signals";

/** The name of the open service; `null`: none was chosen. */
export const chosen = signal<string | null>(fromHash());

/** Opens a service, or the list. */
export function open(service: string | null): void {
  const hash = service === null ? "#/" : `#/service/${encodeURIComponent(service)}`;
  if (location.hash === hash) return;
  location.hash = hash;
  window.scrollTo(0, 0);
}

/** Follows the address. */
export function startRoute(): void {
  window.addEventListener("hashchange", () => {
    chosen.value = fromHash();
    // What had the focus is gone: go on from the begin of what is new.
    requestAnimationFrame(() => document.getElementById("main")?.focus({ preventScroll: true }));
  });
}

function fromHash(): string | null {
  const match = /^#\/service\/([^/]+)$/.exec(location.hash);
  if (match?.[1] === undefined) return null;
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return null;
  }
}
