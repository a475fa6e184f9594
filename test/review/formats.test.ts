import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeAll, test } from "vitest";
import type { LoadedPolicy } from "../../src/authz/index.js";
import { formatCsv, formatHtml, type Review, reviewPermissions } from "../../src/review/index.js";
import { load } from "./load.js";

const policyCsv = `p, role:producer, acme, orders.*, produce, allow
p, role:producer, acme, orders.cards, *, deny
g, acme/billing, role:clerk, acme
g, role:clerk, role:producer, acme
p, globex/audit, acme, *, consume, allow
`;

const made = { source: "the folder policy", madeMs: 0 };
let policy: LoadedPolicy;
let review: Review;
beforeAll(async () => {
  policy = await load({ "policy.csv": policyCsv });
  review = await reviewPermissions(policy, {});
});

test("CSV has a row for each permission, with the lines that lead to it", () => {
  const rows = formatCsv(review).trimEnd().split("\n");
  assert.equal(rows.length, review.permissions.length + 1);
  assert.equal(
    rows[0],
    "tenant,principal,topic,action,decision,line,rule,roles,role_lines,overruled_line,overruled_rule",
  );
  assert.ok(
    rows.includes(
      'acme,acme/billing,orders.*,produce,allow,1,"p, role:producer, acme, orders.*, produce, allow",' +
        "role:clerk role:producer,3 4,,",
    ),
  );
  assert.ok(
    rows.includes(
      'acme,acme/billing,orders.cards,produce,deny,2,"p, role:producer, acme, orders.cards, *, deny",' +
        'role:clerk role:producer,3 4,1,"p, role:producer, acme, orders.*, produce, allow"',
    ),
  );
});

test("no cell of the CSV begins as a formula does", () => {
  const cells = formatCsv(review).split(/[,\n]"?/);
  assert.ok(cells.length > 50);
  for (const cell of cells) assert.doesNotMatch(cell, /^[=+\-@\t\r]/);
});

/** The text of a page with its tags, which must be closed in the order of HTML, taken away; words as they are on a wide page. */
function textOf(page: string): string {
  const open: string[] = [];
  const optional = ["li", "meta", "input"];
  const body = page
    .replace(/<(script|style)>[^]*?<\/\1>/g, "")
    .replace("<!DOCTYPE html>", "")
    .replaceAll("<wbr>", "");
  for (const [, closing, name] of body.matchAll(/<(\/?)([a-z0-9]+)(?: [a-z-]+="[^"<>]*")*>/g)) {
    if (optional.includes(name!)) continue;
    if (closing === "") open.push(name!);
    else assert.equal(open.pop(), name);
  }
  assert.deepEqual(open, []);
  return body.replace(/<\/?[a-z0-9]+(?: [a-z-]+="[^"<>]*")*>/g, " ");
}

test("the page is well formed, complete without its script, and needs nothing from elsewhere", () => {
  const page = formatHtml(review, { source: "the folder policy", madeMs: Date.UTC(2026, 0, 2, 3, 4, 5) });
  const text = textOf(page);
  assert.doesNotMatch(text, /[<>]/);
  assert.match(text, /Who may do what/);
  assert.match(text, /By the policy of the folder policy, version/);
  assert.match(text, new RegExp(review.policyVersion));
  assert.match(text, /2026-01-02 03:04:05 UTC/);
  assert.match(text, /acme\/billing\s+orders\.cards\s+D\s+2\s+via\s+3\s+,\s+4\s+over\s+1\s+·/);
  assert.match(text, /policy\.csv:4: g, role:clerk, role:producer, acme/);
  assert.match(
    page,
    /<td class="deny" title="produce denied by [^"]*:2: p, role:producer, [^"]*, although [^"]*:1: p, /,
  );
  assert.doesNotMatch(page, /(?:src|href)="(?!#)|https?:|@import|url\(/);
});

test("where a line is overruled that comes by another way, the page shows that way too", async () => {
  const other = await load({
    "policy.csv":
      "p, role:a, acme, orders, *, allow\np, role:b, acme, orders, *, deny\n" +
      "g, acme/billing, role:a, acme\ng, acme/billing, role:b, acme\n",
  });
  const page = formatHtml(await reviewPermissions(other, { principal: "acme/billing", action: "produce" }), made);
  assert.match(textOf(page), /acme\/billing\s+orders\s+D\s+2\s+via\s+4\s+over\s+1\s+via\s+3\s/);
});

test("the page says what a topic that stands nowhere may be meant for", async () => {
  const asked = await reviewPermissions(policy, { action: "produce", tenant: "acme", topic: "orders.crads" });
  assert.match(textOf(formatHtml(asked, made)), /names the topic orders\.crads; did you mean orders\.cards\?/);
});

test("the page lets no other script and no other style in than its own", () => {
  const page = formatHtml(review, made);
  for (const kind of ["script", "style"]) {
    const inline = new RegExp(`<${kind}>([^]*?)</${kind}>`).exec(page)![1]!;
    const hash = createHash("sha256").update(inline).digest("base64");
    assert.ok(page.includes(`${kind}-src 'sha256-${hash}'`), kind);
  }
});

test("whatever stands in a review is text on the page", () => {
  const hostile = `"><script>alert(1)</script><b a='`;
  const [permission] = review.permissions;
  const rule = { ...permission!.rule, place: hostile, text: hostile };
  const page = formatHtml(
    {
      ...review,
      policyVersion: hostile,
      scope: { principal: hostile, tenant: hostile, topic: hostile },
      permissions: [{ ...permission!, principal: hostile, tenant: hostile, topic: hostile, rule }],
      unnamed: { similar: hostile },
    },
    { source: hostile, madeMs: 0 },
  );
  assert.equal(page.split("<script>").length, 2);
  assert.doesNotMatch(textOf(page), /[<>]/);
});

test("a review that was cut off says so, and how to narrow it", async () => {
  const cut = await reviewPermissions(policy, {}, { maxPermissions: 2 });
  assert.deepEqual([cut.cutOff, cut.permissions.length], ["permissions", 2]);
  assert.deepEqual(cut.permissions, review.permissions.slice(0, 2));
  assert.match(formatHtml(cut, made), /class="cut">This is not all: .* Ask about one tenant, or one principal/);
});

test("a review that is as long as its limit is whole", async () => {
  const whole = await reviewPermissions(policy, {}, { maxPermissions: review.permissions.length });
  assert.deepEqual(whole, review);
});
