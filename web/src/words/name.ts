// Names: of colors and of callers.

import type { Actor, Color } from "../api/types";

/** The other color. */
export function other(color: Color): Color {
  return color === "blue" ? "green" : "blue";
}

/** A word at the begin of a sentence: `Blue`. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Formats a caller: the name of its token, `user 1000`, or `Teal itself`. */
export function actor(who: Actor | null | undefined): string {
  if (who === null || who === undefined) return "";
  if (typeof who === "string") return who === "teal" ? "Teal itself" : who;
  if ("token" in who) return who.token;
  return who.uid === 0 ? "root" : `user ${who.uid}`;
}

/** Formats a color with its version, if known: `green (v42)`. */
export function running(color: Color, version: string | null | undefined): string {
  return version ? `${color} (${version})` : color;
}
