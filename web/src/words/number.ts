// Numbers in words. What is not known is "–": the page never shows a number that Teal did not give.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Formats a count: `1,240`. */
export function count(value: number | null | undefined): string {
  return known(value) ? whole.format(value) : UNKNOWN;
}

/** Formats a rate or a mean: `0`, `0.4`, `9.5`, `412`, `1,240`. */
export function rate(value: number | null | undefined): string {
  if (!known(value)) return UNKNOWN;
  if (value > 0 && value < 0.1) return "< 0.1";
  if (value < 10 && value % 1 !== 0) return value.toFixed(1);
  return whole.format(value);
}

/** Formats a share from 0 to 1: `0 %`, `0.03 %`, `1.1 %`, `12 %`. */
export function percent(share: number | null | undefined): string {
  if (!known(share)) return UNKNOWN;
  const value = share * 100;
  if (value === 0) return "0 %";
  if (value < 0.01) return "< 0.01 %";
  if (value < 1) return `${value.toFixed(2)} %`;
  return value < 10 ? `${value.toFixed(1)} %` : `${whole.format(value)} %`;
}

/** Formats a noun with its number: `1 request`, `37 requests`. */
export function some(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

function known(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}
