/** A page that needs nothing else: its style and, if it has one, its script are in it, and nothing else may be loaded. */
import { createHash } from "node:crypto";
import { pageStyle } from "./html-parts.js";

/** All HTML but the title, which is text. */
export interface Page {
  readonly title: string;
  readonly header: string;
  readonly main: string;
  /** A page has to be complete without it, and on paper. */
  readonly script?: string;
}

export function pageOf({ title, header, main, script }: Page): string {
  const scripts = script === undefined ? "" : `; script-src ${hashOf(script)}`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${hashOf(pageStyle)}${scripts}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
${header}
</header>
<main>
${main}</main>
${script === undefined ? "" : `<script>${script}</script>\n`}</body>
</html>
`;
}

/** A moment, in milliseconds of the epoch, to the second. */
export function timeOf(milliseconds: number): string {
  const time = new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
  return `<time datetime="${time}">${time.replace("T", " ").replace("Z", " UTC")}</time>`;
}

/** As a Content-Security-Policy names what is inline. */
function hashOf(content: string): string {
  return `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** As text, and as the value of a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => entities[sign]!);
}

/** The same, and where it is too long for a line it goes on in the next behind a sign, and not within a word. */
export function breakable(text: string): string {
  return escaped(text).replace(/[/._,{]/g, "$&<wbr>");
}
