/** What the matrix's page is put together from: sections that its contents lead to, and tables. */
import { breakable, escaped } from "../review/page.js";

export interface Section {
  /** Text, and of no other section of the page. */
  readonly title: string;
  /** HTML. */
  readonly content: string;
}

export function contentsOf(sections: readonly Section[]): string {
  const links = sections.map(({ title }) => `<li><a href="#${idOf(title)}">${escaped(title)}</a>\n`);
  return `<nav aria-label="Contents">\n<ul>\n${links.join("")}</ul>\n</nav>\n`;
}

export function asSections(sections: readonly Section[]): string {
  return sections
    .map(({ title, content }) => `<section>\n<h2 id="${idOf(title)}">${escaped(title)}</h2>\n${content}</section>\n`)
    .join("");
}

/** Names of tenants are lower case, and have nothing in them that an address would write differently. */
function idOf(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}

export interface Heads {
  /** Of the columns that say what a row is about: they stay in sight. One or two. */
  readonly names: readonly string[];
  readonly others: readonly string[];
}

/** @param all how many rows there are, of which these are the first */
export function table({ names, others }: Heads, rows: readonly string[], all = rows.length): string {
  const heads = [
    ...names.map((text) => `<th scope="col" class="name">${escaped(text)}</th>`),
    ...others.map((text) => `<th scope="col">${escaped(text)}</th>`),
  ];
  const more = all > rows.length ? `<p>and ${all - rows.length} more</p>\n` : "";
  return `<div class="table"><table>\n<thead><tr>${heads.join("")}</tr></thead>\n<tbody>\n${rows.join("")}</tbody>\n</table></div>\n${more}`;
}

export function rowOf(...cells: readonly string[]): string {
  return `<tr>${cells.join("")}</tr>\n`;
}

export function nameCell(text: string): string {
  return `<th scope="row">${breakable(text)}</th>`;
}

/** For what stays on one line, and so has to be short whoever calls. */
export function wordCell(text: string): string {
  return `<td class="word">${escaped(text)}</td>`;
}

export function textCell(text: string): string {
  return `<td class="text">${breakable(text)}</td>`;
}

export function countCell(count: number | string): string {
  return `<td>${count}</td>`;
}
