// Times and durations in words.

import { UNKNOWN } from "./number";

/** Formats milliseconds: `0.66 ms`, `8.2 ms`, `412 ms`, `1.24 s`. */
export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  if (value >= 100) return `${value.toFixed(0)} ms`;
  return value >= 1 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`;
}

/** Formats a duration in seconds: `4 s`, `3 min`, `2 h 5 min`, `3 d`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const left = Math.max(0, seconds);
  if (left < 1 && left > 0) return "< 1 s";
  if (left < 120) return `${Math.floor(left)} s`;
  const minutes = Math.floor(left / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** Formats the time that something took: exact while it is short. */
export function took(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || seconds >= 10) return duration(seconds);
  return seconds < 0.001 ? "under 1 ms" : milliseconds(seconds * 1000);
}

/** Formats the time of day of an instant, with the date if it was on another day: `19:54:06`, `Nov 29, 08:00:12`. */
export function clock(instant: string | number | null | undefined, now: number = Date.now()): string {
  if (instant === null || instant === undefined) return UNKNOWN;
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${MONTHS[date.getMonth()]} ${date.getDate()}, ${time}`;
}

/** Returns the seconds between two instants; `null` if one is not known. */
export function between(from: string | null | undefined, to: string | null | undefined): number | null {
  const seconds = (Date.parse(to ?? "") - Date.parse(from ?? "")) / 1000;
  return Number.isFinite(seconds) ? seconds : null;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value: number): string {
  return String(value).padStart(2, "0");
}
