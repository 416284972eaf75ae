// The order of the list: problems first, the worst of them at the top, then the groups, then the rest. Pure.

import type { Group, Service, Severity } from "../api/types";

export interface Block {
  title: string;
  services: Service[];
}

const WORST: Severity[] = ["outage", "degraded", "unknown"];

/** Arranges services by blocks. Only names that contain all the words of `wanted` are kept. */
export function arrange(services: Service[], groups: Group[], wanted: string): Block[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const found = services.filter((one) => words.every((word) => one.name.includes(word)));
  const ill = found.filter((one) => rank(one) < WORST.length).sort((a, b) => rank(a) - rank(b));
  const placed = new Set(ill.map((one) => one.name));
  const blocks: Block[] = [{ title: "Needs attention", services: ill }];
  for (const group of groups) {
    const members = new Set(group.services);
    const own = found.filter((one) => members.has(one.name) && !placed.has(one.name));
    for (const one of own) placed.add(one.name);
    blocks.push({ title: group.name, services: own });
  }
  const rest = found.filter((one) => !placed.has(one.name));
  blocks.push({ title: groups.length > 0 ? "Without a group" : "All well", services: rest });
  return blocks.filter((block) => block.services.length > 0);
}

function rank(one: Service): number {
  const ranks = (one.problems ?? []).map((each) => WORST.indexOf(each.severity)).filter((each) => each >= 0);
  return ranks.length === 0 ? WORST.length : Math.min(...ranks);
}
