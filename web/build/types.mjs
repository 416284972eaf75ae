// Generates src/api/types.ts from docs/reference/openapi.json, so that the page cannot drift from the API.
// `npm run types` writes the file; `npm test` fails if it is not current.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const SOURCE = join(import.meta.dirname, "../../docs/reference/openapi.json");
const TARGET = join(import.meta.dirname, "../src/api/types.ts");

const HEAD = `// The documents of Teal's admin API. Generated from docs/reference/openapi.json by \`npm run types\`: do not edit.
`;

/** Returns the TypeScript module for the schemas of an OpenAPI document. */
export function generate(document) {
  const schemas = Object.entries(document.components.schemas);
  return HEAD + schemas.map(([name, schema]) => declare(name, schema)).join("");
}

/** Reads the checked-in OpenAPI document. */
export function source() {
  return JSON.parse(readFileSync(SOURCE, "utf8"));
}

/** Reads the checked-in module. */
export function current() {
  return readFileSync(TARGET, "utf8");
}

function declare(name, schema) {
  const head = `\n${comment(schema.description, "")}export `;
  return schema.type === "object" && schema.properties
    ? `${head}interface ${name} ${members(schema, "")}\n`
    : `${head}type ${name} = ${type(schema, "")};\n`;
}

function members(schema, indent) {
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties).map(([name, value]) => {
    const optional = schema.required?.includes(name) ? "" : "?";
    return `${comment(value.description, inner)}${inner}${name}${optional}: ${type(value, inner)};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}

function type(schema, indent) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return unique(choices.map((one) => type(one, indent))).join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => bracketed(type(one, indent))).join(" & ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (Array.isArray(schema.type)) {
    return unique(schema.type.map((one) => type({ ...schema, type: one }, indent))).join(" | ");
  }
  switch (schema.type) {
    case "null":
      return "null";
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "string":
      return "string";
    case "array":
      return `${bracketed(type(schema.items, indent))}[]`;
    case "object":
      return schema.properties ? members(schema, indent) : "Record<string, unknown>";
    default:
      return "unknown";
  }
}

function unique(types) {
  return [...new Set(types)];
}

function bracketed(text) {
  return /^[\w.]+$/.test(text) ? text : `(${text})`;
}

function comment(text, indent) {
  if (!text) return "";
  const lines = text
    .trim()
    .replaceAll("*/", "*\u200b/")
    .split("\n")
    .map((line) => line.trim());
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(TARGET, generate(source()));
}
