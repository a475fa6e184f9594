/** What is the same in every page. */

/** Letters and frames tell what colours tell too. */
export const pageStyle = `
:root { color-scheme: light; font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; }
body { margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
code { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere; }
.legend { list-style: none; padding: 0; margin: .6rem 0; display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; }
.legend span { display: inline-block; min-width: 1.6em; text-align: center; padding: 0 .2em; }
.cut { border: 2px solid #a15c00; padding: .5rem .8rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #c9ced6; padding: .2rem .5rem; text-align: left; }
th { box-sizing: border-box; }
thead th { position: sticky; top: 0; z-index: 1; background: #eef1f5; box-shadow: inset 0 -1px #8a94a3; }
tbody th { position: sticky; left: 0; background: #fff; box-shadow: inset -1px 0 #c9ced6; min-width: 10rem; overflow-wrap: anywhere; }
thead .name { left: 0; z-index: 2; }
tbody th, .word, .text { font-weight: 400; font-family: ui-monospace, monospace; font-size: .92em; }
td { text-align: center; white-space: nowrap; }
td.word, td.text { text-align: left; }
td.text { white-space: normal; min-width: 11em; overflow-wrap: anywhere; }
td a { color: #333; font-size: .8em; }
td .way { display: block; color: #444; font-weight: 400; font-size: .85em; line-height: 1.2; white-space: normal; }
.allow { background: #d5e8fb; font-weight: 700; }
.deny { background: #fbe0c4; font-weight: 700; outline: 2px dashed #8a3b00; outline-offset: -3px; }
.none { color: #767676; text-align: center; }
.lines { list-style: none; padding: 0 0 0 2em; text-indent: -2em; }
.lines :target, .lines li:target { background: #fff3b0; }
nav ul { padding: 0; margin: .6rem 0; list-style: none; display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; }
.filter { margin: .8rem 0; display: block; }
.filter input { font: inherit; padding: .25rem .5rem; width: 22rem; max-width: 100%; }
[hidden] { display: none; }
/* A head that stays in sight needs a table that is not in a box of its own, or one that is no higher than the window. */
@media (max-width: 68rem) {
  .table { overflow: auto; max-height: 90vh; }
  th, td { padding: .2rem .35rem; }
  /* Where the second begins depends on where the first ends. */
  tbody th, thead .name { width: 8rem; min-width: 8rem; max-width: 8rem; }
  tbody th + th, thead .name + .name { left: calc(8rem - 1px); }
}
/* The narrowest paper that is usual is 18 cm wide between its margins. */
@media print {
  :root { font-size: 11px; }
  th, td { padding: .15rem .35rem; }
  tbody th, thead .name { width: auto; min-width: 7.5rem; max-width: none; }
  td.text { min-width: 6em; }
  body { margin: 0; max-width: none; padding: 0; }
  .filter { display: none; }
  .table { overflow: visible; max-height: none; }
  .allow, .deny { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  thead { display: table-header-group; }
  thead th, tbody th { position: static; }
  tr { break-inside: avoid; }
  td a { text-decoration: none; }
}
`;

/** Shows the rows that have every word in them. The field is made here: without a script there is none. */
export const filterScript = `
const label = document.createElement("label");
label.className = "filter";
label.textContent = "Only rows with ";
const input = document.createElement("input");
input.type = "search";
input.placeholder = "words, such as acme/billing orders";
label.append(input);
document.querySelector("header").append(label);
const sections = [...document.querySelectorAll("main section")].filter((each) => each.querySelector("table"));
input.addEventListener("input", () => {
  const words = input.value.toLowerCase().split(" ").filter((word) => word !== "");
  for (const section of sections) {
    let shown = 0;
    for (const row of section.querySelectorAll("tbody tr")) {
      const names = [...row.querySelectorAll("th")].map((cell) => cell.textContent).join(" ");
      row.hidden = !words.every((word) => names.includes(word));
      if (!row.hidden) shown += 1;
    }
    section.hidden = shown === 0;
  }
});
`;
